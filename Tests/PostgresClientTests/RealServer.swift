import Logging
import PostgresServer
import Testing

@testable import PostgresClient

/// For tests with a PostgreSQL server; they are skipped, and say so, where none is installed.
enum RealServer {
    static let programs = PostgresPrograms.find()
    static let isInstalled = Self.programs != nil

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

extension PostgresServer {
    func configuration(_ change: (inout PostgresConfiguration) -> Void = { _ in }) throws -> PostgresConfiguration {
        var configuration = try PostgresConfiguration(url: self.url)
        change(&configuration)
        return configuration
    }

    func connect(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> PostgresConnection {
        try await PostgresConnection.connect(self.configuration(change), logger: RealServer.logger)
    }
}

extension Trait where Self == ConditionTrait {
    static var needsServer: Self {
        .enabled(if: RealServer.isInstalled, "skipped: the programs of a PostgreSQL server are not installed")
    }
}
