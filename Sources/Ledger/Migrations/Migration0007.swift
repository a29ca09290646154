/// Commands of the outbox that no worker could read are refused where they are put.
enum Migration0007 {
    static let number = 7
    static let name = "outbox commands"
    static let sql = #"""
        -- Puts a command into the outbox, as CloudEvents in binary mode; part of the caller's transaction.
        CREATE OR REPLACE FUNCTION adjutant.outbox_command(
            domain text, type text, data jsonb, key text DEFAULT NULL, id text DEFAULT gen_random_uuid()::text,
            source text DEFAULT 'adjutant/outbox', attributes jsonb DEFAULT '{}'
        ) RETURNS text LANGUAGE plpgsql AS $$
        #variable_conflict use_variable
        DECLARE
            problem text;
            attribute record;
        BEGIN
            problem := CASE
                WHEN domain IS NULL OR domain !~ '^[A-Za-z0-9._-]+$' THEN 'domain must name a domain'
                WHEN type IS NULL OR type = '' THEN 'type must name a command type'
                WHEN data IS NULL THEN 'data must be JSON: NULL is none, ''null'' is'
                WHEN id IS NULL OR octet_length(id) NOT BETWEEN 1 AND 128 THEN 'id must have from 1 to 128 bytes'
                WHEN source IS NULL OR source = '' THEN 'source must not be empty'
                WHEN jsonb_typeof(attributes) <> 'object' THEN 'attributes must be a JSON object'
            END;
            IF problem IS NULL THEN
                FOR attribute IN SELECT a.key AS name, a.value FROM jsonb_each(attributes) a LOOP
                    problem := CASE
                        WHEN attribute.name !~ '^[a-z0-9]{1,20}$' THEN
                            format('attribute %s: a name has 1 to 20 small letters and digits',
                                quote_literal(left(attribute.name, 40)))
                        WHEN attribute.name IN ('specversion', 'id', 'source', 'type', 'time', 'data', 'datacontenttype') THEN
                            format('attribute %s is set by outbox_command itself', attribute.name)
                        WHEN jsonb_typeof(attribute.value) NOT IN ('string', 'number', 'boolean') THEN
                            format('attribute %s must be text: leave it out where there is none', attribute.name)
                        WHEN attribute.value #>> '{}' = '' THEN format('attribute %s must not be empty', attribute.name)
                        WHEN attribute.name IN ('expirytime', 'notbefore') AND attribute.value #>> '{}' !~*
                            '^\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)$' THEN
                            format('attribute %s must be an RFC 3339 time such as 2030-01-31T12:00:00Z', attribute.name)
                    END;
                    EXIT WHEN problem IS NOT NULL;
                END LOOP;
            END IF;
            IF problem IS NOT NULL THEN
                RAISE EXCEPTION 'adjutant.outbox_command: %', problem USING ERRCODE = 'invalid_parameter_value';
            END IF;
            PERFORM adjutant.outbox_put(
                domain || '.commands', key, convert_to(data::text, 'UTF8'),
                coalesce((SELECT jsonb_object_agg('ce_' || a.key, a.value) FROM jsonb_each_text(attributes) a), '{}')
                || jsonb_build_object(
                    'content-type', 'application/json', 'ce_specversion', '1.0', 'ce_id', id, 'ce_type', type,
                    'ce_source', source,
                    'ce_time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
            RETURN id;
        END
        $$;
        """#
}
