import Logging

/// A connection to a database, with a thread of its own.
///
/// Statements of several tasks wait for one another, in the order of asking. Closed when nobody holds it any more.
package final class PostgresConnection: PostgresSession {
    let core: ConnectionCore

    private init(core: ConnectionCore) { self.core = core }

    deinit { self.core.close() }

    /// Connects.
    ///
    /// - Throws: ``PostgresError``, with the server's SQLSTATE when it refused.
    package static func connect(
        _ configuration: PostgresConfiguration, logger: Logger
    ) async throws -> PostgresConnection {
        try await self.connect(configuration, logger: logger) { _ in }
    }

    static func connect(
        _ configuration: PostgresConfiguration, logger: Logger,
        observer: @escaping @Sendable (ConnectionEvent) -> Void
    ) async throws -> PostgresConnection {
        let core = try ConnectionCore(configuration, logger: logger, observer: observer)
        try await core.connect()
        return PostgresConnection(core: core)
    }

    @discardableResult
    package func run(_ calls: [PostgresCall]) async throws -> [PostgresRows] {
        guard !calls.isEmpty else { return [] }
        return try await self.core.perform(ConnectionRequest(.statements(calls), isAutocommit: true))
    }

    /// Runs any number of statements in one text, without parameters: for migrations.
    ///
    /// They are one transaction, unless the text says otherwise.
    @discardableResult
    package func script(_ text: String) async throws -> [PostgresRows] {
        try await self.core.perform(ConnectionRequest(.script(text), isAutocommit: true))
    }

    /// Runs the body in a transaction: commits when it returns, rolls back when it throws.
    ///
    /// - Throws: What the body threw; ``PostgresError`` of the kind `unknownCommit` when the connection was lost before
    ///   COMMIT was answered: whether it took effect must be looked up.
    @discardableResult
    package func transaction<Result>(
        isolation: PostgresIsolation = .readCommitted, _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await PostgresTransaction.run(on: self.core, isolation: isolation, body)
    }

    /// Runs the body on the connection's own thread, from its first wait on: its round trips then cost no change of threads. For bodies that do
    /// little else, as nothing arrives on this connection while they compute.
    package func onOwnThread<Result>(
        _ body: () async throws -> Result
    ) async throws -> Result { try await self.core.withGuest(body) }

    /// Cancels the statement that runs now, if any.
    package func cancel() { self.core.cancelCurrent() }

    /// Closes it, after what was asked before is answered.
    package func close() { self.core.close() }

    /// Neither closed nor lost.
    package var isUsable: Bool { self.core.isUsable }
}
