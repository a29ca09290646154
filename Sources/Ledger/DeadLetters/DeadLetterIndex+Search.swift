import PostgresClient

extension DeadLetterIndex {
    /// Whether some letter of the topic could not be kept as it is, so that only the topic can answer for certain.
    package func hasInexact(_ topic: String) async throws -> Bool {
        try await self.session.query(
            "SELECT EXISTS (SELECT FROM adjutant.dead_letters WHERE topic = $1 AND NOT is_exact)", [.text(topic)]
        ).only.get(0)
    }

    package func count(_ query: LetterQuery) async throws -> Int {
        let (condition, parameters) = query.condition
        return try await self.session.query(
            PostgresStatement(
                trusted: "SELECT count(*) FROM adjutant.dead_letters WHERE \(condition)", isPrepared: false), parameters
        ).only.get(0)
    }

    /// The youngest letters, or the oldest.
    package func letters(_ query: LetterQuery, oldest: Bool, limit: Int) async throws -> [IndexedLetter] {
        let order = oldest ? "ASC" : "DESC"
        return try await self.select(
            query, "ORDER BY failed_at \(order), partition \(order), record_offset \(order) LIMIT", limit: limit)
    }

    /// Letters in the order of the topic, after a place in it.
    package func page(
        _ query: LetterQuery, after place: (partition: Int32, offset: Int64)?, limit: Int
    ) async throws -> [IndexedLetter] {
        var query = query
        if let place { query.addPlace(after: place.partition, place.offset) }
        return try await self.select(query, "ORDER BY partition, record_offset LIMIT", limit: limit)
    }

    private func select(_ query: LetterQuery, _ rest: String, limit: Int) async throws -> [IndexedLetter] {
        var (condition, parameters) = query.condition
        parameters.append(.int(limit))
        return try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(IndexedLetter.columns) FROM adjutant.dead_letters WHERE \(condition)
                    \(rest) $\(parameters.count)
                    """, isPrepared: false), parameters
        ).map { try IndexedLetter($0) }
    }

    /// By fingerprint, the largest first.
    package func causes(_ query: LetterQuery, limit: Int) async throws -> [IndexedCause] {
        var (condition, parameters) = query.condition
        parameters.append(.int(limit))
        let states = Self.states.map { "count(*) FILTER (WHERE state = '\($0)')" }.joined(separator: ", ")
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(IndexedLetter.columns.split(separator: ", ").map { "e.\($0)" }.joined(separator: ", ")),
                        g.total, g.first_seen, g.states
                    FROM (
                        SELECT fingerprint, count(*) AS total, min(failed_at) AS first_seen, max(failed_at) AS last_seen,
                            ARRAY[\(states)] AS states
                        FROM adjutant.dead_letters WHERE \(condition) GROUP BY fingerprint
                        ORDER BY total DESC, last_seen DESC, fingerprint COLLATE "C" LIMIT $\(parameters.count)
                    ) g, LATERAL (
                        SELECT \(IndexedLetter.columns) FROM adjutant.dead_letters
                        WHERE \(condition) AND fingerprint = g.fingerprint AND failed_at = g.last_seen
                        ORDER BY partition DESC, record_offset DESC LIMIT 1
                    ) e
                    """, isPrepared: false), parameters)
        return try rows.map { row in
            let counts = try row.get(24, as: [Int64].self)
            var states: [String: Int] = [:]
            for (state, count) in zip(Self.states, counts) where count > 0 { states[state] = Int(count) }
            return IndexedCause(
                count: try row.get(22), firstSeen: try row.get(23, as: PostgresTimestamp.self).microseconds,
                states: states, example: try IndexedLetter(row))
        }
    }

    private static let states = ["parked", "replayed", "resolved", "discarded", "quarantined"]
}

extension LetterQuery {
    fileprivate mutating func addPlace(after partition: Int32, _ offset: Int64) {
        self.addTrusted("(partition, record_offset) > (\(partition), ?)", .int64(offset))
    }
}
