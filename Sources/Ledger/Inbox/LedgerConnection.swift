import Logging
import PostgresClient

/// A connection of one loop that is made anew when it is lost.
///
/// `@unchecked Sendable`: used by its loop only, one call at a time.
final class LedgerConnection: @unchecked Sendable {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private var connection: PostgresConnection?
    private var failures = 0

    /// In which its writer counts the progress of batches.
    let shard: Int32
    /// Only the ledger's own statements run here, none of handlers.
    private let isOwn: Bool

    init(configuration: PostgresConfiguration, shard: Int32, isOwn: Bool, logger: Logger) {
        self.isOwn = isOwn
        self.shard = shard
        self.configuration = configuration
        self.logger = logger
    }

    /// The ledger's own statements find rows by their keys, and are to go on doing so: planned while the table is as good as
    /// empty, they would be planned to read all of it, and be slower with each command that it remembers.
    private static let plans = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"

    func open() async throws -> PostgresConnection {
        if let connection = self.connection, connection.isUsable { return connection }
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        if self.isOwn { try await connection.script(Self.plans) }
        self.connection = connection
        return connection
    }

    func run(_ calls: [PostgresCall]) async throws -> [PostgresRows] {
        let rows = try await self.open().run(calls)
        self.failures = 0
        return rows
    }

    func succeeded() { self.failures = 0 }

    /// Waits a little after a failure, longer after each further one.
    func failed(_ error: any Error) async {
        self.failures += 1
        self.logger.log(
            level: self.failures == 1 || self.failures % 20 == 0 ? .warning : .debug,
            "the database does not do what it is asked; trying again", metadata: ["error": "\(error)"])
        // A server that takes no writes, since it was the primary before a failover, would be asked for ever.
        if (error as? PostgresError)?.kind == .reconnect { self.close() }
        if let connection = self.connection, !connection.isUsable { self.connection = nil }
        try? await Task.sleep(for: .milliseconds(min(1000, 20 << min(self.failures, 6))))
    }

    /// Gives the connection up, whatever it does; the next call opens another one.
    func close() {
        self.connection?.close()
        self.connection = nil
    }
}
