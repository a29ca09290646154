import Foundation
import Logging
import PostgresServer
import Testing

@testable import PostgresClient

/// For tests with a PostgreSQL server; they are skipped, and say so, where none is installed.
enum RealServer {
    static let programs = PostgresPrograms.find()
    static let isInstalled = Self.programs != nil

    /// One server for the tests that leave it running; it ends with this process.
    private static let shared = Task { try await PostgresServer.start(#require(Self.programs)) }

    /// Runs the body with a new database of the shared server.
    static func withDatabase<Result>(_ body: (TestDatabase) async throws -> Result) async throws -> Result {
        let server = try await Self.shared.value
        let name = "test_" + UUID().uuidString.prefix(8).lowercased()
        let connection = try await server.connect()
        try await connection.script("CREATE DATABASE \(name)")
        connection.close()
        return try await body(TestDatabase(server: server, name: name))
    }

    /// Runs the body with a server of its own, and removes that afterwards.
    static func with<Result>(
        settings: [String: String] = [:], _ body: (PostgresServer) async throws -> Result
    ) async throws -> Result {
        let server = try await PostgresServer.start(#require(Self.programs), settings: settings)
        do {
            let result = try await body(server)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

struct TestDatabase {
    let server: PostgresServer
    let name: String

    func configuration(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresConfiguration {
        var configuration = try PostgresConfiguration(url: self.server.url(database: self.name))
        change(&configuration)
        return configuration
    }

    func connect(_ change: (inout PostgresConfiguration) -> Void = { _ in }) async throws -> PostgresConnection {
        try await PostgresConnection.connect(self.configuration(change), logger: RealServer.logger)
    }

    /// Runs the body with a pool that is looked after.
    func withPool<Result>(
        _ limits: PostgresPoolLimits = .init(), _ change: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(try self.configuration(change), limits: limits, logger: RealServer.logger)
        return try await Self.with(pool, body)
    }

    static func with<Result>(
        _ pool: PostgresPool, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        async let _: Void = pool.run()
        return try await body(pool)
    }
}

extension PostgresServer {
    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(PostgresConfiguration(url: self.url), logger: RealServer.logger)
    }
}

extension PostgresSession {
    /// The process that serves it.
    func backend() async throws -> Int32 { try await self.query("SELECT pg_backend_pid()").only.get(0) }

    /// Returns once a backend waits for what the condition on `pg_stat_activity` says.
    func waitForActivity(_ backend: Int32, _ condition: String) async throws {
        let statement = PostgresStatement(
            trusted: "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND \(condition)")
        while try await self.query(statement, [.int4(backend)]).only.get(0) == 0 {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func terminate(_ backend: Int32) async throws {
        try await self.query("SELECT pg_terminate_backend($1)", [.int4(backend)])
    }
}

/// Returns once the condition holds.
func wait(until condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

extension Trait where Self == ConditionTrait {
    static var needsServer: Self {
        .enabled(if: RealServer.isInstalled, "skipped: the programs of a PostgreSQL server are not installed")
    }
}
