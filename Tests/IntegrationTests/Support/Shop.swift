import Foundation
import Logging
import PostgresClient
import PostgresServer

/// A broker, a database server, and workers of the reference service, with a foreign sender and a witness.
final class Shop: Sendable {
    let database: PostgresServer
    let bootstrap: String
    let sender: Sender
    let journal: Journal
    private let broker: Program

    private init(database: PostgresServer, partitions: Int) throws {
        self.database = database
        self.broker = try Program(["broker", "--partitions", "\(partitions)"])
        self.bootstrap = try self.broker.waitForOutput("")
        self.sender = try Sender(self.bootstrap)
        self.journal = try Journal(
            self.bootstrap, topics: ["commerce.results", "commerce.failures", "commerce.audit", "commerce.dlt"])
    }

    static let isPossible: Bool = PostgresPrograms.find() != nil
    static let hint: String = "skipped: the programs of a PostgreSQL server are not installed"

    /// Runs the body with a shop, and removes that afterwards.
    static func with<Result>(
        partitions: Int = 16, settings: [String: String] = [:], _ body: (Shop) async throws -> Result
    ) async throws -> Result {
        guard let programs = PostgresPrograms.find() else { throw HarnessError(Self.hint) }
        let database = try await PostgresServer.start(
            programs, settings: settings.merging(["fsync": "off"]) { own, _ in own })
        do {
            let shop = try await blocking { try Shop(database: database, partitions: partitions) }
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await body(shop)) } catch { result = .failure(error) }
            try await blocking { shop.close() }
            await database.remove()
            return try result.get()
        } catch {
            await database.remove()
            throw error
        }
    }

    /// Starts a worker; with `waiting`, returns once it owns partitions.
    func worker(
        _ name: String, url: String? = nil, settings: [String: String] = [:], waiting: Bool = true
    ) async throws -> Program {
        let arguments = [
            "worker", "--bootstrap-servers", self.bootstrap, "--domain", "commerce", "--name", name,
        ]
        var environment = Lab.settings.merging(settings) { $1 }
        environment["ADJUTANT_TOPICS_DIRECTORY"] = nil
        environment["ADJUTANT_RETRY_DELAYS"] = nil
        environment["ADJUTANT_DATABASE_URL"] = url ?? self.database.url
        let variables = environment
        return try await blocking {
            let worker = try Program(arguments, environment: variables)
            if waiting { _ = try worker.waitForOutput("ready") }
            return worker
        }
    }

    func send(_ messages: [CommandMessage]) async throws {
        try await blocking {
            for message in messages { try self.sender.send(message, to: "commerce.commands") }
            try self.sender.flush()
        }
    }

    func waitForOutcomes(of ids: Set<String>, seconds: Double = 180) async throws {
        try await blocking { try self.journal.waitForOutcomes(of: ids, seconds: seconds) }
    }

    /// Stops a worker cleanly, and returns its exit code.
    func stop(_ worker: Program, seconds: Double = 90) async throws -> Int32 {
        try await blocking {
            worker.signal(SIGTERM)
            return try worker.waitForExit(seconds: seconds)
        }
    }

    func query(_ statement: PostgresStatement, _ parameters: [PostgresValue] = []) async throws -> PostgresRows {
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(url: self.database.url), logger: .silent)
        defer { connection.close() }
        return try await connection.query(statement, parameters)
    }

    private func close() {
        self.journal.close()
        self.sender.close()
        self.broker.killNow()
    }
}
