/// What can run statements: a connection, a transaction, a pool.
package protocol PostgresSession: Sendable {
    /// Runs statements in one round trip and returns the rows of each.
    ///
    /// They stand or fall together: outside a transaction they are one of their own.
    ///
    /// - Throws: ``PostgresError`` for the first that fails, `CancellationError` when the task was cancelled meanwhile.
    @discardableResult
    func run(_ calls: [PostgresCall]) async throws -> [PostgresRows]
}

extension PostgresSession {
    /// Runs one statement.
    @discardableResult
    package func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) async throws -> PostgresRows {
        try await self.run([PostgresCall(statement, parameters)])[0]
    }
}
