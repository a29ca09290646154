import PostgresClient

/// The statements of the inbox.
enum LedgerSQL {
    /// Raises the epochs of partitions and so shuts their earlier owners out; waits for transactions of theirs.
    static let own: PostgresStatement = """
        INSERT INTO adjutant.owners AS o (consumer_group, topic, partition, epoch, worker)
        SELECT $1, p.topic, p.partition, 1, $4 FROM unnest($2::text[], $3::int4[]) AS p(topic, partition)
        ORDER BY p.topic, p.partition
        ON CONFLICT (consumer_group, topic, partition)
        DO UPDATE SET epoch = o.epoch + 1, worker = excluded.worker, since = clock_timestamp()
        RETURNING topic, partition, epoch
        """

    private static let outcomeColumns = """
        c.domain, c.id, c.state, c.class, c.code, c.message, c.problems::text, c.attempts, c.dead_lettered, c.replays,
        c.origin_topic, c.origin_partition, c.origin_offset, c.started_at, c.finished_at, c.output, c.run, c.due_at
        """

    static let look = PostgresStatement(
        trusted: """
            SELECT \(outcomeColumns)
            FROM unnest($1::text[], $2::text[]) AS k(domain, id)
            JOIN adjutant.commands AS c ON c.domain = k.domain AND c.id = k.id
            """)

    /// $1 group, $2 worker, $3 to $5 the owners' topics, partitions and epochs, then the rows' columns.
    ///
    /// A row is written when its partition is still the worker's, which holds until the transaction ends, and when the
    /// command has no outcome yet, or a dead letter of it was sent again since. A run writes its row once, however
    /// often the statement is sent.
    private static let upsert = """
        held AS MATERIALIZED (
            SELECT w.place FROM unnest($3::text[], $4::int4[], $5::int8[])
                WITH ORDINALITY AS w(topic, partition, epoch, place)
            JOIN adjutant.owners AS o ON o.consumer_group = $1 AND o.topic = w.topic
                AND o.partition = w.partition AND o.epoch = w.epoch
            FOR SHARE OF o
        ),
        done AS (
            INSERT INTO adjutant.commands AS c (
                domain, id, type, key, state, class, code, message, problems, attempts, dead_lettered, replays,
                origin_topic, origin_partition, origin_offset, correlation_id, causation_id, actor, tenant, batch_id,
                saga_id, received_at, started_at, finished_at, run, output, due_at, worker)
            SELECT r.domain, r.id, r.type, r.key, r.state, r.class, r.code, r.message, r.problems::jsonb, r.attempts,
                r.dead_lettered, r.replays, r.origin_topic, r.origin_partition, r.origin_offset, r.correlation_id,
                r.causation_id, r.actor, r.tenant, r.batch_id, r.saga_id, r.received_at, r.started_at, r.finished_at,
                r.run, r.output, r.due_at, $2
            FROM unnest(
                $6::int8[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::int4[], $17::bool[], $18::int4[], $19::text[], $20::int4[],
                $21::int8[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[],
                $28::timestamptz[], $29::timestamptz[], $30::timestamptz[], $31::int8[], $32::bytea[],
                $33::timestamptz[])
                AS r(owner, domain, id, type, key, state, class, code, message, problems, attempts, dead_lettered,
                    replays, origin_topic, origin_partition, origin_offset, correlation_id, causation_id, actor,
                    tenant, batch_id, saga_id, received_at, started_at, finished_at, run, output, due_at)
            JOIN held ON held.place = r.owner
            ON CONFLICT (domain, id) DO UPDATE SET
                state = excluded.state, class = excluded.class, code = excluded.code, message = excluded.message,
                problems = excluded.problems, dead_lettered = excluded.dead_lettered,
                replays = excluded.replays, worker = excluded.worker, origin_topic = excluded.origin_topic,
                origin_partition = excluded.origin_partition, origin_offset = excluded.origin_offset,
                started_at = excluded.started_at, finished_at = excluded.finished_at, run = excluded.run,
                output = excluded.output, due_at = excluded.due_at,
                attempts = CASE WHEN c.finished_at IS NULL AND c.replays = excluded.replays
                    THEN greatest(c.attempts, excluded.attempts) ELSE excluded.attempts END
            WHERE (c.finished_at IS NULL AND c.run <> excluded.run)
                OR (c.dead_lettered AND excluded.replays > c.replays)
            RETURNING c.*
        )
        """

    /// For rows that are plain successes.
    static let record = PostgresStatement(trusted: "WITH \(upsert) SELECT run FROM done")

    /// For all others too: retries and failures leave an event, and batches count what is finished.
    static let recordInFull = PostgresStatement(
        trusted: """
            WITH \(upsert),
            told AS (
                INSERT INTO adjutant.events (domain, command_id, at, event, attempt, class, code, message, worker)
                SELECT domain, id, clock_timestamp(),
                    CASE WHEN dead_lettered THEN 'deadlettered' WHEN state = 'retrying' THEN 'retried' ELSE state END,
                    attempts, class, code, message, worker
                FROM done WHERE state <> 'succeeded' OR attempts > 1
            ),
            \(BatchProgressSQL.expression(done: "done", shard: "$34"))
            SELECT run FROM done
            """)

    /// Who owns these partitions, $1 the group: topic, partition, epoch, worker.
    static let owners: PostgresStatement = """
        SELECT o.topic, o.partition, o.epoch, o.worker FROM unnest($2::text[], $3::int4[]) AS p(topic, partition)
        JOIN adjutant.owners AS o ON o.consumer_group = $1 AND o.topic = p.topic AND o.partition = p.partition
        """

    static let emit: PostgresStatement = """
        INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values)
        VALUES ($1, convert_to($2, 'UTF8'), $3, $4::text[], $5::bytea[])
        """
}
