import Foundation
import Logging
import PostgresClient
import PostgresServer
import Synchronization
import Testing

@testable import Ledger

/// A database of one test's own, on a server that the tests share.
struct Database: Sendable {
    let url: String
    let configuration: PostgresConfiguration
    let connection: PostgresConnection

    static let logger: Logger = {
        var logger = Logger(label: "tests")
        logger.logLevel = .error
        return logger
    }()

    /// With the whole schema, unless told otherwise.
    static func make() async throws -> Database { try await self.make(on: SharedServer.server.value) }

    static func make(on server: PostgresServer) async throws -> Database {
        let administrator = try await PostgresConnection.connect(
            PostgresConfiguration(url: server.url), logger: self.logger)
        defer { administrator.close() }
        let name = "t\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await administrator.script("CREATE DATABASE \(name)")
        let url = server.url(database: name)
        var configuration = try PostgresConfiguration(url: url)
        // For machines that stand still for seconds.
        configuration.connectTimeout = .seconds(120)
        configuration.idleInTransactionTimeout = .seconds(120)
        configuration.lockTimeout = .seconds(120)
        try await PostgresMigrator(PostgresMigration.adjutant, configuration: configuration, logger: self.logger).up()
        return Database(
            url: url, configuration: configuration,
            connection: try await PostgresConnection.connect(configuration, logger: self.logger))
    }

    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(self.configuration, logger: Self.logger)
    }

    /// A number that a query returns.
    func count(_ query: PostgresStatement, _ parameters: [PostgresValue] = []) async throws -> Int {
        try await self.connection.query(query, parameters).only.get(0)
    }

    /// Asks again and again until the query returns the number, or the time is up.
    func wait(
        for expected: Int, seconds: Double = 30, _ query: PostgresStatement, location: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        var last = try await self.count(query)
        while last != expected, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            last = try await self.count(query)
        }
        #expect(last == expected, sourceLocation: location)
    }
}

private enum SharedServer {
    /// It ends with this process.
    static let server = Task {
        let programs = try #require(PostgresPrograms.find(), "the programs of a PostgreSQL server are not installed")
        return try await PostgresServer.start(
            programs, settings: ["max_connections": "400", "fsync": "off", "track_commit_timestamp": "on"])
    }
}
