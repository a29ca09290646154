/// Commands and their outcomes, the owners of partitions, cancellations, and the outbox.
enum Migration0001 {
    static let number = 1
    static let name = "commands"
    static let sql = #"""
        CREATE SCHEMA IF NOT EXISTS adjutant;

        -- One row for each command: what is known of it, and once it is finished its first outcome.
        CREATE TABLE adjutant.commands (
            domain text NOT NULL,
            id text NOT NULL,
            type text NOT NULL,
            key text,
            state text NOT NULL
                CHECK (state IN ('retrying', 'scheduled', 'succeeded', 'failed', 'cancelled', 'expired')),
            class text,
            code text,
            message text,
            problems jsonb,
            attempts int NOT NULL,
            dead_lettered bool NOT NULL DEFAULT false,
            replays int NOT NULL DEFAULT 0,
            worker text,
            origin_topic text,
            origin_partition int,
            origin_offset bigint,
            correlation_id text,
            causation_id text,
            actor text,
            tenant text,
            batch_id text,
            saga_id text,
            received_at timestamptz NOT NULL,
            started_at timestamptz,
            finished_at timestamptz,
            run bigint NOT NULL,
            output bytea,
            PRIMARY KEY (domain, id)
        ) WITH (fillfactor = 90);
        COMMENT ON COLUMN adjutant.commands.run IS 'the attempt that wrote the row, as a number drawn by its worker';
        COMMENT ON COLUMN adjutant.commands.finished_at IS 'null until the command has its outcome';
        COMMENT ON COLUMN adjutant.commands.correlation_id IS 'null when it is the command''s own id';

        CREATE INDEX commands_received ON adjutant.commands (received_at, id);

        -- What a command's row does not tell: retries, repeats, cancellations.
        CREATE TABLE adjutant.events (
            domain text NOT NULL,
            command_id text NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            event text NOT NULL,
            attempt int NOT NULL,
            class text,
            code text,
            message text,
            worker text
        );
        CREATE INDEX events_command ON adjutant.events (domain, command_id, at);

        -- Commands that must not begin any more.
        CREATE TABLE adjutant.cancellations (
            domain text NOT NULL,
            id text NOT NULL,
            reason text,
            actor text,
            requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (domain, id)
        );

        -- Who owns a partition: a worker with an earlier epoch writes nothing any more.
        CREATE TABLE adjutant.owners (
            consumer_group text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            epoch bigint NOT NULL,
            worker text NOT NULL,
            since timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (consumer_group, topic, partition)
        ) WITH (fillfactor = 50);

        -- Records on their way to Kafka; deleted once Kafka has them. Never updated.
        CREATE TABLE adjutant.outbox (
            id bigint GENERATED ALWAYS AS IDENTITY,
            topic text NOT NULL CHECK (topic <> ''),
            key bytea,
            value bytea,
            header_names text[] NOT NULL DEFAULT '{}',
            header_values bytea[] NOT NULL DEFAULT '{}',
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            slot smallint NOT NULL GENERATED ALWAYS AS (
                (hashtextextended(topic || '/' || coalesce(encode(key, 'hex'), id::text), 0) & 63)::smallint) STORED,
            PRIMARY KEY (topic, id),
            CHECK (cardinality(header_names) = cardinality(header_values))
        ) WITH (
            autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
            autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000, vacuum_truncate = off
        );
        COMMENT ON COLUMN adjutant.outbox.slot IS
            'of topic and key, or of the row where there is no key: a slot''s rows leave in the order of their ids';

        -- Who sends the rows of a slot, and until when nobody else may.
        CREATE TABLE adjutant.outbox_slots (
            slot smallint PRIMARY KEY CHECK (slot BETWEEN 0 AND 63),
            relay text,
            until timestamptz NOT NULL DEFAULT '-infinity'
        ) WITH (fillfactor = 10);
        INSERT INTO adjutant.outbox_slots (slot) SELECT generate_series(0, 63);

        -- The relays that run; one that is asleep is woken by whoever puts something into the outbox.
        CREATE TABLE adjutant.outbox_relays (
            relay text PRIMARY KEY,
            worker text NOT NULL,
            is_asleep bool NOT NULL DEFAULT false,
            until timestamptz NOT NULL
        ) WITH (fillfactor = 10);

        -- Topics that take nothing at present, and why.
        CREATE TABLE adjutant.outbox_topics (
            topic text PRIMARY KEY,
            reason text NOT NULL,
            relay text NOT NULL,
            since timestamptz NOT NULL DEFAULT clock_timestamp(),
            until timestamptz NOT NULL
        );

        -- Records that Kafka will never take as they are.
        CREATE TABLE adjutant.outbox_refused (
            id bigint PRIMARY KEY,
            topic text NOT NULL,
            key bytea,
            value bytea,
            header_names text[] NOT NULL,
            header_values bytea[] NOT NULL,
            created_at timestamptz NOT NULL,
            reason text NOT NULL,
            refused_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );

        -- NOTIFY makes commits wait for each other, so it is left out while the relays are awake.
        CREATE FUNCTION adjutant.outbox_wake() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF EXISTS (SELECT FROM adjutant.outbox_relays WHERE is_asleep AND until > clock_timestamp()) THEN
                PERFORM pg_notify('adjutant_outbox', '');
            END IF;
            RETURN NULL;
        END
        $$;
        CREATE TRIGGER outbox_wake AFTER INSERT ON adjutant.outbox
            FOR EACH STATEMENT EXECUTE FUNCTION adjutant.outbox_wake();

        -- Puts a record into the outbox; part of the caller's transaction.
        CREATE FUNCTION adjutant.outbox_put(
            topic text, key text, value bytea, headers jsonb DEFAULT '{}'
        ) RETURNS bigint LANGUAGE sql AS $$
            INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values)
            SELECT topic, convert_to(key, 'UTF8'), value,
                coalesce((SELECT array_agg(h.key ORDER BY h.key) FROM jsonb_each_text(headers) h), '{}'),
                coalesce((SELECT array_agg(convert_to(h.value, 'UTF8') ORDER BY h.key)
                    FROM jsonb_each_text(headers) h), '{}')
            RETURNING id
        $$;

        -- Puts records that were refused into the outbox again, behind what waits there; all of a topic, or some.
        CREATE FUNCTION adjutant.outbox_retry(
            topic text, ids bigint[] DEFAULT NULL
        ) RETURNS bigint LANGUAGE sql AS $$
            WITH again AS (
                DELETE FROM adjutant.outbox_refused r
                WHERE r.topic = outbox_retry.topic AND (ids IS NULL OR r.id = ANY (ids))
                RETURNING r.*
            ), put AS (
                INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values, created_at)
                SELECT a.topic, a.key, a.value, a.header_names, a.header_values, a.created_at
                FROM again a ORDER BY a.id
                RETURNING 1
            )
            SELECT count(*) FROM put
        $$;

        -- Puts a command into the outbox, as CloudEvents in binary mode; part of the caller's transaction.
        CREATE FUNCTION adjutant.outbox_command(
            domain text, type text, data jsonb, key text DEFAULT NULL, id text DEFAULT gen_random_uuid()::text,
            source text DEFAULT 'adjutant/outbox', attributes jsonb DEFAULT '{}'
        ) RETURNS text LANGUAGE sql AS $$
            SELECT adjutant.outbox_put(
                domain || '.commands', key, convert_to(data::text, 'UTF8'),
                coalesce((SELECT jsonb_object_agg('ce_' || a.key, a.value) FROM jsonb_each_text(attributes) a), '{}')
                || jsonb_build_object(
                    'content-type', 'application/json', 'ce_specversion', '1.0', 'ce_id', id, 'ce_type', type,
                    'ce_source', source,
                    'ce_time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
            SELECT id
        $$;
        """#
}
