import Foundation
import KafkaClient
import Logging
import PostgresClient
import PostgresServer
import Testing

/// A broker, a database, and workers that use both.
final class RecordsLab: Sendable {
    let lab: Lab
    let server: PostgresServer

    static let isInstalled = PostgresPrograms.find() != nil
    static let hint: Comment = "skipped: the programs of a PostgreSQL server are not installed"

    private init(lab: Lab, server: PostgresServer) {
        self.lab = lab
        self.server = server
    }

    static func with<Result: Sendable>(
        _ body: @escaping @Sendable (RecordsLab) throws -> Result
    ) async throws -> Result {
        let server = try await PostgresServer.start(
            #require(PostgresPrograms.find()),
            settings: ["max_connections": "100", "track_commit_timestamp": "on", "fsync": "off"])
        do {
            let result = try await Lab.with(partitions: 8) { lab in
                try body(RecordsLab(lab: lab, server: server))
            }
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    /// With brokers that do as the test says.
    static func withFaults(
        _ body: @escaping @Sendable (RecordsLab, EmbeddedBroker) throws -> Void
    ) async throws {
        let server = try await PostgresServer.start(#require(PostgresPrograms.find()))
        do {
            try await Lab.withFaults { lab, broker in try body(RecordsLab(lab: lab, server: server), broker) }
            await server.remove()
        } catch {
            await server.remove()
            throw error
        }
    }

    /// A number that a query returns.
    func count(_ query: PostgresStatement) throws -> Int {
        try Self.blockingly {
            let database = try await RecordsDatabase(self.server.url)
            defer { database.connection.close() }
            return try await database.count(query)
        }
    }

    /// For a body that runs on a thread of its own already.
    static func blockingly<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) throws -> Result {
        let done = DispatchSemaphore(value: 0)
        let box = Box<Result>()
        Task {
            do { box.value = .success(try await body()) } catch { box.value = .failure(error) }
            done.signal()
        }
        done.wait()
        return try box.value!.get()
    }

    /// `@unchecked Sendable`: written before the semaphore is signalled, read after.
    private final class Box<Value>: @unchecked Sendable {
        var value: Result<Value, any Error>?
    }

    var environment: [String: String] {
        [
            "ADJUTANT_DATABASE_URL": self.server.url, "ADJUTANT_KAFKA_BOOTSTRAP_SERVERS": self.lab.bootstrap,
            "ADJUTANT_TOPICS_DIRECTORY": Executable.quickTopics,
        ]
    }

    func worker() throws -> Program { try self.lab.worker(settings: self.environment) }

    /// Runs the tool; returns what it printed.
    @discardableResult
    func tool(_ arguments: String..., exit: Int32 = 0) throws -> [String] {
        let program = try Program(arguments, environment: self.environment)
        let code = try program.waitForExit(seconds: 90)
        guard code == exit else { throw HarnessError("exit \(code) where \(exit) was expected: \(program.tail)") }
        return program.output.all
    }

    /// Runs the tool, which prints one JSON object.
    func object(_ arguments: String...) throws -> [String: Any] {
        let program = try Program(arguments, environment: self.environment)
        let code = try program.waitForExit(seconds: 90)
        guard code == 0, let line = program.output.all.first,
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        else { throw HarnessError("no object, exit \(code): \(program.tail)") }
        return object
    }
}

/// A statement or two beside what the programs do.
struct RecordsDatabase {
    let connection: PostgresConnection

    init(_ url: String) async throws {
        self.connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), logger: .silent)
    }

    func count(_ query: PostgresStatement) async throws -> Int { try await self.connection.query(query).only.get(0) }
}
