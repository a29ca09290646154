/// The part of a worker's statement that counts what has ended of batches.
///
/// Each writer counts in a shard of its own, so that no two wait for one another and no row is hot; a group of commands
/// costs one row for each batch in it.
package enum BatchProgressSQL {
    /// Shards that writers spread over; two that share one wait for each other, no more.
    package static let shards = 64

    /// A common table expression named `batch_progress`, with the column `batch_id` of every batch that it counted for.
    ///
    /// - Parameters:
    ///   - done: An earlier expression of the same statement: the rows of `adjutant.commands` that were just written,
    ///     with their columns `batch_id`, `state`, `class`, `dead_lettered` and `replays`. Of a dead letter that was
    ///     sent again, the first outcome is the one that counts.
    ///   - shard: A parameter or a number, from 0 to 63.
    package static func expression(done: String, shard: String) -> String {
        let counts = Self.filters.map { name, filter in "count(*) FILTER (WHERE \(filter)) AS \(name)" }
        let names = Self.filters.map(\.name)
        return """
            batch_progress AS (
                INSERT INTO adjutant.batch_progress AS p (batch_id, shard, \(names.joined(separator: ", ")))
                SELECT d.batch_id, \(shard), \(counts.joined(separator: ", "))
                FROM \(done) d JOIN adjutant.batches b ON b.id = d.batch_id
                WHERE d.state IN ('succeeded', 'failed', 'cancelled', 'expired') AND d.replays = 0
                GROUP BY d.batch_id ORDER BY d.batch_id
                ON CONFLICT (batch_id, shard) DO UPDATE SET
                    \(names.map { "\($0) = p.\($0) + excluded.\($0)" }.joined(separator: ", "))
                RETURNING p.batch_id
            )
            """
    }

    /// What is counted in which column. A class that is not known here counts as permanent, so that sums stay right.
    private static let filters: [(name: String, filter: String)] = [
        ("succeeded", "d.state = 'succeeded'"),
        ("exhausted", "d.state = 'failed' AND d.class IN ('exhausted', 'transient')"),
        (
            "permanent",
            """
            d.state = 'failed' AND (d.class IS NULL OR d.class NOT IN \
            ('exhausted', 'transient', 'rejected', 'invalid', 'unhandled', 'poison', 'expired', 'cancelled'))
            """
        ),
        ("rejected", "d.state = 'failed' AND d.class = 'rejected'"),
        ("invalid", "d.state = 'failed' AND d.class = 'invalid'"),
        ("unhandled", "d.state = 'failed' AND d.class = 'unhandled'"),
        ("poison", "d.state = 'failed' AND d.class = 'poison'"),
        ("expired", "d.state = 'expired' OR (d.state = 'failed' AND d.class = 'expired')"),
        ("cancelled", "d.state = 'cancelled' OR (d.state = 'failed' AND d.class = 'cancelled')"),
        ("dead_lettered", "d.dead_lettered"),
    ]
}
