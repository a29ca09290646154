/// An index of dead letters.
enum Migration0006 {
    static let number = 6
    static let name = "dead letters"
    static let sql = #"""
        -- What the headers of the letters on a dead-letter topic say: a copy, made anew from the topic whenever it is lost.
        CREATE TABLE adjutant.dead_letters (
            topic text NOT NULL,
            partition int4 NOT NULL,
            record_offset int8 NOT NULL,
            recorded_at int8 NOT NULL,
            failed_at timestamptz NOT NULL,
            first_failed_at timestamptz,
            type text,
            command_id text,
            key text,
            class text,
            code text,
            message text,
            fingerprint text NOT NULL,
            consumer_group text,
            format text NOT NULL,
            origin_topic text,
            origin_partition int4,
            origin_offset int8,
            attempts int8,
            replays int8 NOT NULL,
            bytes int8,
            is_exact bool NOT NULL,
            state text NOT NULL DEFAULT 'parked',
            state_at int8,
            PRIMARY KEY (topic, partition, record_offset)
        ) WITH (fillfactor = 90);
        COMMENT ON COLUMN adjutant.dead_letters.recorded_at IS 'Kafka''s time, milliseconds since 1970';
        COMMENT ON COLUMN adjutant.dead_letters.bytes IS 'of the value; null for a tombstone';
        COMMENT ON COLUMN adjutant.dead_letters.is_exact IS 'false where text was cut or repaired: the topic knows better';
        COMMENT ON COLUMN adjutant.dead_letters.state_at IS 'when that was done, microseconds since 1970';
        CREATE INDEX dead_letters_time ON adjutant.dead_letters (topic, failed_at, partition, record_offset);
        CREATE INDEX dead_letters_cause ON adjutant.dead_letters (topic, fingerprint, failed_at);
        CREATE INDEX dead_letters_command ON adjutant.dead_letters (topic, command_id);
        CREATE INDEX dead_letters_inexact ON adjutant.dead_letters (topic) WHERE NOT is_exact;

        -- How far the topics are read for it: the dead-letter topic itself, and the one that tells what was done.
        CREATE TABLE adjutant.dead_letter_positions (
            topic text NOT NULL,
            source text NOT NULL,
            partition int4 NOT NULL,
            next_offset int8 NOT NULL,
            last_recorded_at int8 NOT NULL,
            PRIMARY KEY (topic, source, partition)
        ) WITH (fillfactor = 50);
        COMMENT ON COLUMN adjutant.dead_letter_positions.last_recorded_at IS
            'Kafka''s time of the last record that was read: a topic that was made anew has another one there';
        """#
}
