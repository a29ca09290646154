import PostgresClient

/// A named group of commands that were sent together, with its progress.
package struct Batch: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// None of its commands has ended yet.
        case pending = "PENDING"
        case inProgress = "IN_PROGRESS"
        /// All succeeded.
        case completed = "COMPLETED"
        case completedWithFailures = "COMPLETED_WITH_FAILURES"
        /// What had not run when it was cancelled does not run.
        case cancelled = "CANCELLED"
    }

    package var id: String
    package var name: String
    package var domain: String
    /// Final once the batch is closed.
    package var total: Int
    package var createdAt: PostgresTimestamp
    package var createdBy: String?
    package var closedAt: PostgresTimestamp?
    package var cancelledAt: PostgresTimestamp?
    package var cancelledBy: String?
    package var cancelReason: String?
    package var completedAt: PostgresTimestamp?
    package var counts: BatchCounts

    package var waiting: Int { max(0, self.total - self.counts.finished) }

    package var state: State {
        if self.cancelledAt != nil { return .cancelled }
        if self.completedAt != nil {
            return self.counts.failed + self.counts.cancelled > 0 ? .completedWithFailures : .completed
        }
        return self.counts.finished > 0 ? .inProgress : .pending
    }

    private static let columns = """
        b.id, b.name, b.domain, b.total, b.created_at, b.created_by, b.closed_at, b.cancelled_at, b.cancelled_by, \
        b.cancel_reason, b.completed_at
        """

    /// A query of batches with their sums.
    ///
    /// - Parameter tail: `WHERE`, `ORDER BY` and `LIMIT` over `b`, the table of batches.
    static func select(_ tail: String) -> String {
        """
        SELECT \(Self.columns), p.* FROM (SELECT * FROM adjutant.batches b \(tail)) b
        CROSS JOIN LATERAL (
            SELECT \(BatchCounts.sums) FROM adjutant.batch_progress p WHERE p.batch_id = b.id) p
        """
    }

    init(_ row: PostgresRow) throws {
        self.id = try row.get(0)
        self.name = try row.get(1)
        self.domain = try row.get(2)
        self.total = try row.get(3)
        self.createdAt = try row.get(4)
        self.createdBy = try row.get(5)
        self.closedAt = try row.get(6)
        self.cancelledAt = try row.get(7)
        self.cancelledBy = try row.get(8)
        self.cancelReason = try row.get(9)
        self.completedAt = try row.get(10)
        self.counts = try BatchCounts(row, from: 11)
    }
}
