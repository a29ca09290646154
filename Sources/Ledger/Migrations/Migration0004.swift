/// Documents that handlers keep.
enum Migration0004 {
    static let number = 4
    static let name = "documents"
    static let sql = #"""
        -- State of services that need no tables of their own: one JSON document for each id of a collection.
        CREATE TABLE adjutant.documents (
            collection text NOT NULL,
            id text NOT NULL,
            body jsonb,
            changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (collection, id)
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN adjutant.documents.body IS 'null while the first change of the document is under way';
        """#
}
