import PostgresClient

/// The letters of dead-letter topics in the database, for looking at them quickly: the topics stay the truth.
package struct DeadLetterIndex: Sendable {
    let session: PostgresConnection

    /// - Parameter connection: One of its own: locks belong to it.
    package init(_ connection: PostgresConnection) { self.session = connection }

    /// How far a partition of a source was read.
    package struct Position: Sendable {
        package var partition: Int32
        package var next: Int64
        /// Kafka's time of the record before, milliseconds since 1970.
        package var lastRecordedAt: Int64

        package init(partition: Int32, next: Int64, lastRecordedAt: Int64) {
            self.partition = partition
            self.next = next
            self.lastRecordedAt = lastRecordedAt
        }
    }

    // MARK: - Keeping it up

    /// Waits until nobody else brings the topic's letters up to date; until the connection is closed.
    package func lock(_ topic: String) async throws {
        try await self.session.query(
            "SELECT pg_advisory_lock(hashtextextended('adjutant.dead_letters/' || $1, 0))", [.text(topic)])
    }

    package func unlock(_ topic: String) async throws {
        try await self.session.query(
            "SELECT pg_advisory_unlock(hashtextextended('adjutant.dead_letters/' || $1, 0))", [.text(topic)])
    }

    package func positions(of topic: String, source: String) async throws -> [Int32: Position] {
        let rows = try await self.session.query(
            """
            SELECT partition, next_offset, last_recorded_at FROM adjutant.dead_letter_positions
            WHERE topic = $1 AND source = $2
            """, [.text(topic), .text(source)])
        var positions: [Int32: Position] = [:]
        for row in rows {
            let position = Position(
                partition: try row.get(0), next: try row.get(1), lastRecordedAt: try row.get(2))
            positions[position.partition] = position
        }
        return positions
    }

    /// Forgets a partition whose records are others now.
    package func forget(_ topic: String, partition: Int32) async throws {
        try await self.session.run([
            PostgresCall(
                "DELETE FROM adjutant.dead_letters WHERE topic = $1 AND partition = $2",
                [.text(topic), .int4(partition)]),
            PostgresCall(
                "DELETE FROM adjutant.dead_letter_positions WHERE topic = $1 AND source = $1 AND partition = $2",
                [.text(topic), .int4(partition)]),
        ])
    }

    /// Forgets what was done about the topic's letters: it is read again from the start.
    package func forgetStates(_ topic: String, source: String) async throws {
        try await self.session.run([
            PostgresCall(
                "UPDATE adjutant.dead_letters SET state = 'parked', state_at = NULL WHERE topic = $1 AND state_at IS NOT NULL",
                [.text(topic)]),
            PostgresCall(
                "DELETE FROM adjutant.dead_letter_positions WHERE topic = $1 AND source = $2",
                [.text(topic), .text(source)]),
        ])
    }

    /// Drops letters that the broker no longer keeps.
    ///
    /// - Parameter lows: The first offsets that are there.
    package func trim(_ topic: String, lows: [(partition: Int32, low: Int64)]) async throws {
        try await self.session.query(
            """
            DELETE FROM adjutant.dead_letters d USING unnest($2::int4[], $3::int8[]) AS l (partition, low)
            WHERE d.topic = $1 AND d.partition = l.partition AND d.record_offset < l.low
            """,
            [.text(topic), .int4s(lows.map(\.partition)), .int64s(lows.map(\.low))])
    }

    /// Adds letters, and notes how far the topic is read, in one transaction.
    package func add(_ letters: [IndexedLetter], to topic: String, _ positions: [Position]) async throws {
        func texts(_ path: (IndexedLetter) -> String?) -> PostgresValue { .texts(letters.map(path)) }
        func time(_ microseconds: Int64) -> PostgresTimestamp { PostgresTimestamp(microseconds: microseconds) }
        let insert = PostgresCall(
            PostgresStatement(
                trusted: """
                    INSERT INTO adjutant.dead_letters (topic, \(IndexedLetter.columns))
                    SELECT $1, * FROM unnest($2::int4[], $3::int8[], $4::int8[], $5::timestamptz[], $6::timestamptz[],
                        $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                        $15::text[], $16::text[], $17::int4[], $18::int8[], $19::int8[], $20::int8[], $21::int8[],
                        $22::bool[], $23::text[])
                    ON CONFLICT DO NOTHING
                    """),
            [
                .text(topic), .int4s(letters.map(\.partition)), .int64s(letters.map(\.offset)),
                .int64s(letters.map(\.recordedAt)), .timestamps(letters.map { time($0.failedAt) }),
                .timestamps(letters.map { $0.firstFailedAt.map(time) }), texts(\.type), texts(\.commandID),
                texts(\.key), texts(\.failureClass), texts(\.code), texts(\.message), texts(\.fingerprint),
                texts(\.group), texts(\.format), texts(\.originTopic),
                .int4s(letters.map(\.originPartition)), .int64s(letters.map(\.originOffset)),
                .int64s(letters.map { $0.attempts.map(Int64.init) }), .int64s(letters.map { Int64($0.replays) }),
                .int64s(letters.map { $0.bytes.map(Int64.init) }), .bools(letters.map(\.isExact)), texts(\.state),
            ])
        try await self.session.run([insert, self.note(positions, of: topic, source: topic)])
    }

    /// Something that was done about a run of letters.
    package struct Mark: Sendable {
        package var partition: Int32
        package var start: Int64
        /// One past the last.
        package var end: Int64
        package var state: String
        /// Microseconds since 1970: the latest mark of a letter counts.
        package var at: Int64

        package init(partition: Int32, start: Int64, end: Int64, state: String, at moment: Int64) {
            self.partition = partition
            self.start = start
            self.end = end
            self.state = state
            self.at = moment
        }
    }

    /// Applies marks, and notes how far their source is read, in one transaction.
    ///
    /// - Parameter slack: Microseconds that a letter may be younger than a mark and still be the one that is meant.
    package func apply(
        _ marks: [Mark], to topic: String, source: String, slack: Int64, _ positions: [Position]
    ) async throws {
        // Of marks in one statement any could win: the latest for each letter is taken.
        let update = PostgresCall(
            """
            UPDATE adjutant.dead_letters d SET state = m.state, state_at = m.at
            FROM (
                SELECT DISTINCT ON (l.partition, l.record_offset) l.partition, l.record_offset, n.state, n.at
                FROM unnest($2::int4[], $3::int8[], $4::int8[], $5::text[], $6::int8[]) WITH ORDINALITY
                    AS n (partition, first, past, state, at, number)
                JOIN adjutant.dead_letters l ON l.topic = $1 AND l.partition = n.partition
                    AND l.record_offset >= n.first AND l.record_offset < n.past
                WHERE n.at >= COALESCE(l.state_at, n.at) AND (l.recorded_at <= 0 OR l.recorded_at * 1000 <= n.at + $7)
                ORDER BY l.partition, l.record_offset, n.at DESC, n.number DESC
            ) m
            WHERE d.topic = $1 AND d.partition = m.partition AND d.record_offset = m.record_offset
            """,
            [
                .text(topic), .int4s(marks.map(\.partition)), .int64s(marks.map(\.start)),
                .int64s(marks.map(\.end)), .texts(marks.map(\.state)), .int64s(marks.map(\.at)), .int64(slack),
            ])
        try await self.session.run([update, self.note(positions, of: topic, source: source)])
    }

    private func note(_ positions: [Position], of topic: String, source: String) -> PostgresCall {
        PostgresCall(
            """
            INSERT INTO adjutant.dead_letter_positions (topic, source, partition, next_offset, last_recorded_at)
            SELECT $1, $2, * FROM unnest($3::int4[], $4::int8[], $5::int8[])
            ON CONFLICT (topic, source, partition)
            DO UPDATE SET next_offset = excluded.next_offset, last_recorded_at = excluded.last_recorded_at
            """,
            [
                .text(topic), .text(source), .int4s(positions.map(\.partition)), .int64s(positions.map(\.next)),
                .int64s(positions.map(\.lastRecordedAt)),
            ])
    }
}
