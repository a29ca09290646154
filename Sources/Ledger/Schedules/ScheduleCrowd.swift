import Logging
import PostgresClient

/// Serves many schedules that are due at one moment: what they send is written beforehand, in a transaction that the
/// server commits when they are due.
///
/// Writing takes the database some 50 µs for each, so that thousands that are due together would be seconds late for one
/// another's sake, while a COMMIT takes as long for thousands as for one. Nobody sees the rows before it, and a runner that
/// ends meanwhile leaves nothing behind: what it had locked is served by the others. Whoever changes one of the schedules
/// in that time waits for the COMMIT, and finds that it has fired.
struct ScheduleCrowd: Sendable {
    /// How far it looks ahead; more than the interval and the time that a few thousand take.
    static let lead = Duration.milliseconds(1500)
    /// How often it looks.
    static let interval = Duration.milliseconds(250)
    /// How many due within the same 10 ms are a crowd; fewer are fired when they are due.
    static let least = 50
    /// How many are written in one transaction.
    static let most = 10_000
    /// Bytes of their data.
    static let mostBytes = 32 << 20

    let groupSize: Int
    let logger: Logger

    /// Looks for a crowd, and waits for the moment when it is due.
    ///
    /// - Returns: How many schedules of one it has served.
    func serve(_ connection: PostgresConnection) async throws -> Int {
        let lead = Self.lead.components
        let found = try await connection.query(
            Self.crowd,
            [.int64(lead.seconds * 1000 + lead.attoseconds / 1_000_000_000_000_000), .int(Self.least)])
        guard let row = found.first else { return 0 }
        let (first, last) = (
            try row.get(0, as: PostgresTimestamp.self), try row.get(1, as: PostgresTimestamp.self)
        )
        return try await connection.transaction { transaction in
            var count = 0
            var bytes = 0
            while count < Self.most, bytes < Self.mostBytes {
                let rows = try await transaction.query(
                    Self.members, [.timestamp(first), .timestamp(last), .int(self.groupSize)])
                guard !rows.isEmpty else { break }
                let group = try FireGroup(rows, ahead: true, logger: self.logger)
                try await transaction.run(group.calls)
                count += rows.count
                bytes += group.bytes
                // Late already: what is left is everybody's.
                if try rows[0].get("now", as: PostgresTimestamp.self).microseconds >= last.microseconds { break }
            }
            guard count > 0 else { return 0 }
            // The server waits, by its own clock, and commits at once.
            try await transaction.commit(after: [
                PostgresCall(Self.wait, [.timestamp(last)]), PostgresCall(Self.wakeRelays),
            ])
            return count
        }
    }

    /// The largest crowd of the next moments: its first and its last due time. Smaller ones before it take little time when
    /// they are due.
    private static let crowd: PostgresStatement = """
        SELECT min(s.next_due), max(s.next_due) FROM (
            SELECT next_due FROM adjutant.schedules
            WHERE next_due > statement_timestamp()
                AND next_due <= statement_timestamp() + $1::int8 * interval '1 millisecond' AND paused_at IS NULL
            ORDER BY next_due LIMIT 20000
        ) s
        GROUP BY date_bin('10 milliseconds', s.next_due, '2000-01-01') HAVING count(*) >= $2
        ORDER BY count(*) DESC, 1 LIMIT 1
        """

    private static let members = PostgresStatement(
        trusted: """
            SELECT \(Schedule.columns), statement_timestamp() AS now FROM adjutant.schedules
            WHERE next_due BETWEEN $1 AND $2 AND paused_at IS NULL
            ORDER BY next_due LIMIT $3 FOR UPDATE SKIP LOCKED
            """)

    private static let wait: PostgresStatement = "SELECT pg_sleep_until($1)::text"

    /// Always: a relay that was awake when the rows were written may be asleep when they are committed.
    private static let wakeRelays: PostgresStatement = "SELECT pg_notify('adjutant_outbox', '')"
}
