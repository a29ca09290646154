import Commands
import Logging
import Synchronization

/// Partitions that belong to another worker by the database.
extension Engine {
    /// The database says that somebody else owns the command's partition. That may be before Kafka tells us, and then
    /// nothing is to be done but to leave the partition alone; but if Kafka does not tell us, the worker has to end, for
    /// nobody runs these commands any more.
    func fence(_ work: Work, owner: String) {
        let slot = work.slot
        let isNew = self.dispatcher.withLock { dispatcher in
            let isNew = slot.state != .gone
            if isNew { dispatcher.shutOut(slot, now: self.clock.monotonic()) }
            dispatcher.abandoned(work)
            return isNew
        }
        self.counters.fenced.add(1, ordering: .relaxed)
        self.metrics.fenced(slot.domain.names)
        guard isNew else { return }
        self.logger.error(
            "another worker owns a partition by the database: nothing of it is done here any more",
            metadata: [
                "partition": "\(slot.partition)", "epoch": "\(slot.ledgerEpoch)", "owner": "\(owner)",
                "wait": "\(self.settings.fencedGrace)",
            ])
        self.executor.nudge()
    }

    /// Ends the engine when Kafka has not taken such a partition from us in time: a new start joins the group anew.
    func checkFences(now: Int64) {
        let limit = self.settings.fencedGrace.wholeMicroseconds
        let fenced = self.dispatcher.withLock { dispatcher in
            dispatcher.slots.values.filter { $0.fencedAt.map { now - $0 >= limit } ?? false }.map(\.partition)
        }
        guard let partition = fenced.first, !self.control.withLock({ $0.stopRequested }) else { return }
        self.fail(
            SourceFailure(
                kind: .other,
                message: """
                    another worker owns \(fenced.count == 1 ? "" : "\(fenced.count) partitions, ")\(partition) by the \
                    database, and Kafka still gives it to this one: are there two clusters or groups of the name \
                    "\(self.group)" beside one database? Otherwise start the worker again
                    """, isFatal: true))
    }
}
