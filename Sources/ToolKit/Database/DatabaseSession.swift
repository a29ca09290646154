import Ledger
import Logging
import PostgresClient

/// A connection for one command of the tool.
enum DatabaseSession {
    /// Runs the body with a connection; its errors become the tool's.
    static func run<Result>(
        _ settings: Settings, _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let configuration = try settings.database()
        let logger = try settings.logger(default: .error)
        do {
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { connection.close() }
            return try await body(connection)
        } catch let error as PostgresError {
            throw ToolError(database: error)
        } catch let error as LedgerError {
            throw ToolError(error)
        }
    }
}

extension ToolError {
    init(_ error: LedgerError) {
        let exit: ToolExit =
            switch error.kind {
            case .notFound: .notFound
            case .conflict: .denied
            case .invalid: .usage
            }
        self.init(exit, error.message)
    }
}
