import PostgresClient

/// What waits in the outbox, and who sends it.
package struct OutboxStatus: Sendable {
    /// One topic that has rows, or takes none.
    package struct Topic: Sendable, Hashable {
        package var name: String
        package var waiting: Int
        /// Seconds since the oldest was put; nil when none waits.
        package var oldest: Double?
        /// Records that were put aside because Kafka will never take them.
        package var putAside: Int
        /// Why the topic takes nothing at present; nil when it does.
        package var refusal: String?
    }

    /// A relay that was heard of within its lease.
    package struct Relay: Sendable, Hashable {
        package var id: String
        package var worker: String
        package var slots: Int
        package var isAsleep: Bool
    }

    package var topics: [Topic]
    package var relays: [Relay]

    /// Reads the whole outbox once.
    ///
    /// - Throws: ``PostgresError``.
    package static func read(from session: any PostgresSession) async throws -> OutboxStatus {
        let answers = try await session.run([PostgresCall(Self.topicsQuery), PostgresCall(Self.relaysQuery)])
        return OutboxStatus(
            topics: try answers[0].map { row in
                Topic(
                    name: try row.get(0), waiting: try row.get(1), oldest: try row.get(2), putAside: try row.get(3),
                    refusal: try row.get(4))
            },
            relays: try answers[1].map { row in
                Relay(id: try row.get(0), worker: try row.get(1), slots: try row.get(2), isAsleep: try row.get(3))
            })
    }

    private static let topicsQuery: PostgresStatement = """
        SELECT topic, sum(waiting)::int8, extract(epoch FROM clock_timestamp() - min(oldest))::float8,
            sum(put_aside)::int8, max(reason)
        FROM (
            SELECT topic, count(*) AS waiting, min(created_at) AS oldest, 0 AS put_aside, NULL AS reason
            FROM adjutant.outbox GROUP BY topic
            UNION ALL
            SELECT topic, 0, NULL, count(*), NULL FROM adjutant.outbox_refused GROUP BY topic
            UNION ALL
            SELECT topic, 0, NULL, 0, reason FROM adjutant.outbox_topics
        ) t GROUP BY topic ORDER BY topic
        """

    private static let relaysQuery: PostgresStatement = """
        SELECT r.relay, r.worker, count(s.slot), r.is_asleep
        FROM adjutant.outbox_relays r LEFT JOIN adjutant.outbox_slots s
            ON s.relay = r.relay AND s.until > clock_timestamp()
        WHERE r.until > clock_timestamp() GROUP BY r.relay ORDER BY r.worker, r.relay
        """
}
