import Commands

extension Batch {
    /// What a service is told.
    package var summary: BatchSummary {
        let classes = self.counts.failedByClass.compactMap { name, count in
            FailureClass(rawValue: name).map { ($0, count) }
        }
        return BatchSummary(
            id: self.id, name: self.name, domain: Domain(self.domain), total: self.total,
            succeeded: self.counts.succeeded, failed: Dictionary(uniqueKeysWithValues: classes),
            cancelled: self.counts.cancelled, deadLettered: self.counts.deadLettered,
            isCancelled: self.cancelledAt != nil)
    }
}
