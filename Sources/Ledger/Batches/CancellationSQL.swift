import PostgresClient

/// Which of some commands must not begin: they are cancelled themselves, or their batch is.
package enum CancellationSQL {
    /// Parameters: domains, ids and batch ids (null for none), as three arrays of one length. Columns: `place` in the
    /// arrays from 1, `reason`, `actor`.
    package static let lookup: PostgresStatement = """
        SELECT w.place, coalesce(c.reason, b.cancel_reason) AS reason, coalesce(c.actor, b.cancelled_by) AS actor
        FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(domain, id, batch_id, place)
        LEFT JOIN adjutant.cancellations c ON c.domain = w.domain AND c.id = w.id
        LEFT JOIN adjutant.batches b ON b.id = w.batch_id AND b.cancelled_at IS NOT NULL
        WHERE c.id IS NOT NULL OR b.id IS NOT NULL
        """
}
