/// Indexes for searching the history.
///
/// Each of them costs every command that it holds; those over columns that are mostly empty hold few. Type and time are
/// served by the index over `received_at` of the first migration.
enum Migration0003 {
    static let number = 3
    static let name = "search"
    static let sql = #"""
        CREATE INDEX commands_key ON adjutant.commands (key, received_at) WHERE key IS NOT NULL;
        CREATE INDEX commands_unsuccessful ON adjutant.commands (state, received_at, id) WHERE state <> 'succeeded';
        CREATE INDEX commands_batch ON adjutant.commands (batch_id, received_at, id) WHERE batch_id IS NOT NULL;
        CREATE INDEX commands_correlation ON adjutant.commands (correlation_id) WHERE correlation_id IS NOT NULL;
        CREATE INDEX commands_actor ON adjutant.commands (actor, received_at, id) WHERE actor IS NOT NULL;
        CREATE INDEX cancellations_requested ON adjutant.cancellations (requested_at);
        """#
}
