/// Schedules and batches.
enum Migration0002 {
    static let number = 2
    static let name = "schedules and batches"
    static let sql = #"""
        -- Commands to be sent at a time, or again and again.
        CREATE TABLE adjutant.schedules (
            id text PRIMARY KEY,
            name text,
            domain text NOT NULL,
            type text NOT NULL,
            key text,
            data bytea NOT NULL,
            attributes jsonb NOT NULL DEFAULT '{}',
            cron text,
            time_zone text NOT NULL DEFAULT 'UTC',
            missed_policy text NOT NULL DEFAULT 'fire_once' CHECK (missed_policy IN ('fire_once', 'skip')),
            next_due timestamptz,
            last_due timestamptz,
            last_fired_at timestamptz,
            fired bigint NOT NULL DEFAULT 0,
            missed bigint NOT NULL DEFAULT 0,
            paused_at timestamptz,
            cancelled_at timestamptz,
            revision bigint NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            created_by text
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN adjutant.schedules.cron IS 'null: once';
        COMMENT ON COLUMN adjutant.schedules.next_due IS 'null: nothing more is to come';
        COMMENT ON COLUMN adjutant.schedules.missed IS 'how often due times went by while nobody was there';
        CREATE INDEX schedules_due ON adjutant.schedules (next_due)
            WHERE next_due IS NOT NULL AND paused_at IS NULL;
        CREATE UNIQUE INDEX schedules_name ON adjutant.schedules (name)
            WHERE name IS NOT NULL AND cancelled_at IS NULL;
        CREATE INDEX schedules_created ON adjutant.schedules (created_at, id);

        -- Commands that were sent together.
        CREATE TABLE adjutant.batches (
            id text PRIMARY KEY,
            name text NOT NULL,
            domain text NOT NULL,
            total bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            created_by text,
            closed_at timestamptz,
            cancelled_at timestamptz,
            cancelled_by text,
            cancel_reason text,
            completed_at timestamptz
        );
        COMMENT ON COLUMN adjutant.batches.closed_at IS 'since when no more commands are added: total is final';
        CREATE INDEX batches_created ON adjutant.batches (created_at, id);
        CREATE INDEX batches_running ON adjutant.batches (id)
            WHERE closed_at IS NOT NULL AND completed_at IS NULL;

        -- How many of a batch have ended, and how. Every writer counts in a shard of its own, so that writers do not
        -- wait for one another; the sum over the shards is the batch's progress.
        CREATE TABLE adjutant.batch_progress (
            batch_id text NOT NULL REFERENCES adjutant.batches (id) ON DELETE CASCADE,
            shard int NOT NULL,
            succeeded bigint NOT NULL,
            exhausted bigint NOT NULL,
            permanent bigint NOT NULL,
            rejected bigint NOT NULL,
            invalid bigint NOT NULL,
            unhandled bigint NOT NULL,
            poison bigint NOT NULL,
            expired bigint NOT NULL,
            cancelled bigint NOT NULL,
            dead_lettered bigint NOT NULL,
            PRIMARY KEY (batch_id, shard)
        ) WITH (fillfactor = 50);
        """#
}
