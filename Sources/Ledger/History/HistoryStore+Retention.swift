import PostgresClient

extension HistoryStore {
    /// What a clean-up removed.
    package struct Pruned: Hashable, Sendable {
        package var commands = 0
        package var cancellations = 0
        package var schedules = 0
        package var batches = 0

        package init() {}
    }

    /// Removes what ended before a time: commands with their events, cancellations, schedules that are done, batches.
    ///
    /// It goes in small transactions that wait for no lock and hold none for long; ended half-way, what is removed stays
    /// removed. A repeat of a removed command is a new command: keep the history longer than anything is sent again,
    /// dead letters included. Commands without an outcome stay, unless their next attempt was due before that time and never
    /// came; but those that are to be cancelled stay even then, or the cancellation would be forgotten.
    ///
    /// - Parameters:
    ///   - time: Microseconds since 1970.
    ///   - batchSize: Commands removed in one transaction.
    package func prune(
        before time: Int64, batchSize: Int = 1000, progress: (Pruned) -> Void = { _ in }
    ) async throws -> Pruned {
        let time = PostgresValue.timestamp(PostgresTimestamp(microseconds: time))
        var pruned = Pruned()
        // The index is not walked from its beginning again and again.
        var from = PostgresTimestamp.minusInfinity
        while true {
            try Task.checkCancellation()
            let row = try await self.session.query(
                Self.pruneCommands, [time, .timestamp(from), .int(batchSize)]
            ).only
            let count = try row.get(0, as: Int.self)
            pruned.commands += count
            progress(pruned)
            guard let last = try row.get(1, as: PostgresTimestamp?.self) else { break }
            from = last
        }
        pruned.cancellations = try await self.repeated(Self.pruneCancellations, time, batchSize)
        pruned.schedules = try await self.repeated(Self.pruneSchedules, time, batchSize)
        pruned.batches = try await self.repeated(Self.pruneBatches, time, batchSize)
        return pruned
    }

    /// What ``prune(before:batchSize:progress:)`` would remove of commands.
    package func countPrunable(before time: Int64) async throws -> Int {
        try await self.session.query(
            PostgresStatement(
                trusted: "SELECT count(*) FROM adjutant.commands c WHERE received_at < $1 AND \(Self.isOver)"),
            [.timestamp(PostgresTimestamp(microseconds: time))]
        ).only.get(0)
    }

    private func repeated(_ statement: PostgresStatement, _ time: PostgresValue, _ size: Int) async throws -> Int {
        var total = 0
        while true {
            try Task.checkCancellation()
            let count = try await self.session.query(statement, [time, .int(size)]).affected
            total += count
            if count < size { return total }
        }
    }

    /// A command `c` ended before `$1`, or was given up by then.
    private static let isOver = """
        (c.finished_at < $1 OR c.due_at < $1 AND c.finished_at IS NULL
            AND NOT EXISTS (SELECT FROM adjutant.cancellations x WHERE x.domain = c.domain AND x.id = c.id))
        """

    private static let pruneCommands = PostgresStatement(
        trusted: """
            WITH due AS (
                SELECT domain, id, received_at FROM adjutant.commands c
                WHERE received_at >= $2 AND received_at < $1 AND \(Self.isOver)
                ORDER BY received_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
            ), gone AS (
                DELETE FROM adjutant.commands c USING due
                WHERE c.domain = due.domain AND c.id = due.id RETURNING c.domain, c.id
            ), events AS (
                DELETE FROM adjutant.events e USING gone WHERE e.domain = gone.domain AND e.command_id = gone.id
            ), cancellations AS (
                DELETE FROM adjutant.cancellations c USING gone WHERE c.domain = gone.domain AND c.id = gone.id
            )
            SELECT (SELECT count(*) FROM gone), (SELECT max(received_at) FROM due)
            """)

    private static let pruneCancellations: PostgresStatement = """
        DELETE FROM adjutant.cancellations c WHERE (c.domain, c.id) IN (
            SELECT x.domain, x.id FROM adjutant.cancellations x WHERE x.requested_at < $1
                AND NOT EXISTS (SELECT FROM adjutant.commands k WHERE k.domain = x.domain AND k.id = x.id)
            ORDER BY x.requested_at LIMIT $2)
        """

    private static let pruneSchedules: PostgresStatement = """
        DELETE FROM adjutant.schedules WHERE id IN (
            SELECT id FROM adjutant.schedules WHERE created_at < $1 AND next_due IS NULL
                AND coalesce(cancelled_at, last_fired_at, created_at) < $1
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """

    private static let pruneBatches: PostgresStatement = """
        DELETE FROM adjutant.batches WHERE id IN (
            SELECT id FROM adjutant.batches WHERE created_at < $1 AND coalesce(completed_at, cancelled_at) < $1
            ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """
}
