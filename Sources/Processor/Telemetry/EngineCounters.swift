import Commands
import Synchronization

/// What the engine counts, read by the metrics and by the log's summary.
package final class EngineCounters: Sendable {
    package let consumed = Atomic<Int>(0)
    package let succeeded = Atomic<Int>(0)
    package let failed = Atomic<Int>(0)
    package let retried = Atomic<Int>(0)
    package let deadLettered = Atomic<Int>(0)
    package let acknowledged = Atomic<Int>(0)
    /// Commands that had their outcome before.
    package let repeated = Atomic<Int>(0)
    /// Attempts of which nothing is kept, since another worker owns their partitions by the database.
    package let fenced = Atomic<Int>(0)
    package let outages = Atomic<Int>(0)
    /// Threads that handlers have blocked, in all.
    package let blockedThreads = Atomic<Int>(0)
    /// Monotonic microseconds of the first record taken and of the last acknowledgement, for measurements.
    package let firstConsumedAt = Atomic<Int64>(0)
    package let lastAcknowledgedAt = Atomic<Int64>(0)

    /// The sums at one moment.
    package struct Counts: Sendable, Equatable {
        package var consumed = 0
        package var succeeded = 0
        package var failed = 0
        package var retried = 0
        package var deadLettered = 0
    }

    package var snapshot: Counts {
        Counts(
            consumed: self.consumed.load(ordering: .relaxed), succeeded: self.succeeded.load(ordering: .relaxed),
            failed: self.failed.load(ordering: .relaxed), retried: self.retried.load(ordering: .relaxed),
            deadLettered: self.deadLettered.load(ordering: .relaxed))
    }

    func consumed(_ count: Int, at now: Int64) {
        if self.consumed.add(count, ordering: .relaxed).oldValue == 0 {
            self.firstConsumedAt.store(now, ordering: .relaxed)
        }
    }

    func acknowledged(_ count: Int, at now: Int64) {
        self.acknowledged.add(count, ordering: .relaxed)
        self.lastAcknowledgedAt.store(now, ordering: .relaxed)
    }

    func completed(_ disposition: Disposition) {
        switch disposition {
        case .succeeded: self.succeeded.add(1, ordering: .relaxed)
        case .failed(let failure):
            self.failed.add(1, ordering: .relaxed)
            if failure.failureClass.isDeadLettered { self.deadLettered.add(1, ordering: .relaxed) }
        case .retryInPlace, .retryTopic, .heldBack: self.retried.add(1, ordering: .relaxed)
        case .repeated, .doubled: self.repeated.add(1, ordering: .relaxed)
        case .scheduledInPlace, .postponedInPlace, .postponedTopic: break
        }
    }
}
