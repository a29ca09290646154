import PostgresClient

/// The SQL of the relay.
enum OutboxStatements {
    /// For the transaction that it begins: every access by index, whatever the planner believes of a table that is empty
    /// one moment and full the next; and no wait for the disk, since a deletion that is lost costs a repetition only.
    static let prepare = PostgresCall(
        """
        SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
            set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true)
        """)

    /// Each topic that has rows: from one to the next by index, not row by row.
    static let topics = PostgresCall(
        """
        WITH RECURSIVE topics AS (
            (SELECT topic FROM adjutant.outbox ORDER BY topic LIMIT 1)
            UNION ALL
            SELECT (SELECT o.topic FROM adjutant.outbox o WHERE o.topic > t.topic ORDER BY o.topic LIMIT 1)
            FROM topics t WHERE t.topic IS NOT NULL
        )
        SELECT topic FROM topics WHERE topic IS NOT NULL
        """)

    /// The first rows of each topic in these slots, in the order of their ids, up to a number and a size.
    static func read(topics: [(name: String, rows: Int)], slots: [Int], bytes: Int) -> PostgresCall {
        PostgresCall(
            """
            SELECT o.id, o.slot, t.place, o.key, o.value, o.header_names, o.header_values
            FROM unnest($1::text[], $2::int4[]) WITH ORDINALITY AS t (topic, count, place),
            LATERAL (
                SELECT * FROM (
                    SELECT s.*, sum(s.size) OVER (ORDER BY s.id) - s.size AS before
                    FROM (
                        SELECT r.id, r.slot, r.key, r.value, r.header_names, r.header_values,
                            coalesce(octet_length(r.value), 0)::bigint AS size
                        FROM adjutant.outbox r
                        WHERE r.topic = t.topic AND r.slot = ANY ($3::int4[])
                        ORDER BY r.id LIMIT t.count
                    ) s
                ) w WHERE w.before < $4::int8
            ) o
            """,
            [
                .texts(topics.map(\.name)), .int4s(topics.map { Int32($0.rows) }), .int4s(slots.map { Int32($0) }),
                .int(bytes),
            ])
    }

    /// Takes from the table what a relay is done with.
    static func settle(_ settled: OutboxBook.Settled, in book: OutboxBook) -> [PostgresCall] {
        settled.delivered.map { self.delete(book.name($0.topic), $0.rows.map(\.id)) }
            + settled.parked.map { self.park(book.name($0.row.topic), $0.row.id, reason: $0.reason) }
    }

    private static func delete(_ topic: String, _ ids: [Int64]) -> PostgresCall {
        PostgresCall(
            "DELETE FROM adjutant.outbox WHERE topic = $1 AND id = ANY ($2::int8[])", [.text(topic), .int64s(ids)])
    }

    /// Puts a row aside that Kafka will never take.
    private static func park(_ topic: String, _ id: Int64, reason: String) -> PostgresCall {
        PostgresCall(
            """
            WITH gone AS (DELETE FROM adjutant.outbox WHERE topic = $1 AND id = $2 RETURNING *)
            INSERT INTO adjutant.outbox_refused
                (id, topic, key, value, header_names, header_values, created_at, reason)
            SELECT id, topic, key, value, header_names, header_values, created_at, $3 FROM gone
            ON CONFLICT (id) DO NOTHING
            """, [.text(topic), .int64(id), .text(reason)])
    }

    static func refused(_ topic: String, reason: String, relay: String, again: Duration) -> PostgresCall {
        PostgresCall(
            """
            INSERT INTO adjutant.outbox_topics AS t (topic, reason, relay, until)
            VALUES ($1, $2, $3, clock_timestamp() + $4::int8 * interval '1 millisecond')
            ON CONFLICT (topic) DO UPDATE
                SET reason = excluded.reason, relay = excluded.relay, until = excluded.until
            """, [.text(topic), .text(reason), .text(relay), .int64(again.milliseconds)])
    }

    static func accepted(_ topic: String) -> PostgresCall {
        PostgresCall("DELETE FROM adjutant.outbox_topics WHERE topic = $1", [.text(topic)])
    }

    // MARK: - Slots

    /// Says that this relay is there; answers how many others are.
    static func appear(_ relay: String, worker: String, lease: Duration) -> PostgresCall {
        PostgresCall(
            """
            INSERT INTO adjutant.outbox_relays AS r (relay, worker, until)
            VALUES ($1, $2, clock_timestamp() + $3::int8 * interval '1 millisecond')
            ON CONFLICT (relay) DO UPDATE SET until = excluded.until
            RETURNING (
                SELECT count(*) FROM adjutant.outbox_relays o WHERE o.relay <> $1 AND o.until > clock_timestamp())
            """, [.text(relay), .text(worker), .int64(lease.milliseconds)])
    }

    /// Keeps the slots that are still this relay's; answers which.
    static func renew(_ relay: String, slots: [Int], lease: Duration) -> PostgresCall {
        PostgresCall(
            """
            UPDATE adjutant.outbox_slots SET until = clock_timestamp() + $3::int8 * interval '1 millisecond'
            WHERE relay = $1 AND slot = ANY ($2::int4[]) RETURNING slot
            """, [.text(relay), .int4s(slots.map { Int32($0) }), .int64(lease.milliseconds)])
    }

    /// Takes slots that nobody has any more; answers which. Never waits for another relay.
    static func claim(_ relay: String, count: Int, lease: Duration) -> PostgresCall {
        PostgresCall(
            """
            UPDATE adjutant.outbox_slots SET relay = $1, until = clock_timestamp() + $3::int8 * interval '1 millisecond'
            WHERE slot IN (
                SELECT slot FROM adjutant.outbox_slots
                WHERE relay IS NULL OR until < clock_timestamp()
                ORDER BY slot LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING slot
            """, [.text(relay), .int(count), .int64(lease.milliseconds)])
    }

    /// Lets go of slots, and tells the other relays.
    static func release(_ relay: String, slots: [Int]) -> [PostgresCall] {
        [
            PostgresCall(
                """
                UPDATE adjutant.outbox_slots SET relay = NULL, until = '-infinity'
                WHERE relay = $1 AND slot = ANY ($2::int4[])
                """, [.text(relay), .int4s(slots.map { Int32($0) })]),
            PostgresCall("SELECT pg_notify('adjutant_outbox', 'slots')"),
        ]
    }

    static func disappear(_ relay: String) -> PostgresCall {
        PostgresCall(
            """
            DELETE FROM adjutant.outbox_relays
            WHERE relay = $1 OR until < clock_timestamp() - interval '1 hour'
            """, [.text(relay)])
    }

    static func sleep(_ relay: String, isAsleep: Bool) -> PostgresCall {
        PostgresCall(
            "UPDATE adjutant.outbox_relays SET is_asleep = $2 WHERE relay = $1 AND is_asleep <> $2",
            [.text(relay), .bool(isAsleep)])
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
