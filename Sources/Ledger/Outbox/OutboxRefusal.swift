import PostgresClient

/// A record that was put aside because Kafka will never take it as it is.
package struct OutboxRefusal: Sendable {
    package var id: Int64
    package var topic: String
    package var key: [UInt8]?
    /// Of its value.
    package var bytes: Int
    package var reason: String
    package var createdAt: PostgresTimestamp
    package var refusedAt: PostgresTimestamp

    /// Which of them are meant.
    package struct Selection: Sendable {
        /// Nil: of all topics.
        package var topic: String?
        /// Empty: all of them.
        package var ids: [Int64]

        package init(topic: String? = nil, ids: [Int64] = []) {
            self.topic = topic
            self.ids = ids
        }

        fileprivate var parameters: [PostgresValue] {
            [.optional(self.topic, PostgresValue.text), .bool(self.ids.isEmpty), .int64s(self.ids)]
        }
    }

    /// Those put aside, the earliest records first.
    ///
    /// - Throws: ``PostgresError``.
    package static func list(
        _ selection: Selection, after id: Int64 = .min, limit: Int, in session: any PostgresSession
    ) async throws -> [OutboxRefusal] {
        try await session.query(Self.select, selection.parameters + [.int64(id), .int(limit)]).map { row in
            OutboxRefusal(
                id: try row.get(0), topic: try row.get(1), key: try row.get(2), bytes: try row.get(3),
                reason: try row.get(4), createdAt: try row.get(5), refusedAt: try row.get(6))
        }
    }

    /// How many were put aside.
    ///
    /// - Throws: ``PostgresError``.
    package static func count(_ selection: Selection, in session: any PostgresSession) async throws -> Int {
        try await session.query(Self.countAll, selection.parameters).only.get(0)
    }

    /// Puts them into the outbox again, behind what waits there, in the order in which they were put at first.
    ///
    /// - Returns: How many.
    /// - Throws: ``PostgresError``.
    package static func retry(_ selection: Selection, in session: any PostgresSession) async throws -> Int {
        try await session.query(Self.retryAll, selection.parameters).only.get(0)
    }

    private static let select: PostgresStatement = """
        SELECT id, topic, key, coalesce(octet_length(value), 0)::int8, reason, created_at, refused_at
        FROM adjutant.outbox_refused
        WHERE ($1::text IS NULL OR topic = $1) AND ($2::bool OR id = ANY ($3::int8[])) AND id > $4
        ORDER BY id LIMIT $5
        """

    private static let countAll: PostgresStatement = """
        SELECT count(*) FROM adjutant.outbox_refused
        WHERE ($1::text IS NULL OR topic = $1) AND ($2::bool OR id = ANY ($3::int8[]))
        """

    private static let retryAll: PostgresStatement = """
        SELECT coalesce(sum(adjutant.outbox_retry(t.topic, CASE WHEN $2::bool THEN NULL ELSE $3::int8[] END)), 0)::int8
        FROM (SELECT DISTINCT topic FROM adjutant.outbox_refused WHERE $1::text IS NULL OR topic = $1) t
        """
}
