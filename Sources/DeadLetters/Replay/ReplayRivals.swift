import Processor

/// Keeps two jobs from going on at once with one topic: both could send the same letters.
///
/// A job is noted before it looks for others, so that of two that begin at once one sees the other at least. The one that was
/// made later gives up. The earlier one waits for that; if it does not happen, the later one had looked before there was
/// anything to see, and the earlier one gives up instead.
package struct ReplayRivals {
    private let ledger: LedgerStore
    private let clock: EngineClock
    private let isAlive: (JobRecord) -> Bool
    private let pause: (_ milliseconds: Int) -> Void
    /// Microseconds that another job may take to give up.
    private static let patience: Int64 = 5_000_000

    /// - Parameters:
    ///   - isAlive: Whether somebody works on a job.
    ///   - pause: Waits so long.
    package init(
        ledger: LedgerStore, clock: EngineClock, isAlive: @escaping (JobRecord) -> Bool,
        pause: @escaping (_ milliseconds: Int) -> Void
    ) {
        self.ledger = ledger
        self.clock = clock
        self.isAlive = isAlive
        self.pause = pause
    }

    /// - Throws: ``DeadLetterError`` of the kind `conflict` when another job goes on.
    package func refuse(_ job: JobRecord) throws {
        let limit = self.clock.monotonic() + Self.patience
        while true {
            try self.ledger.catchUp()
            guard let rival = self.rival(of: job) else { return }
            if Self.isBefore(rival, job) || self.clock.monotonic() > limit {
                throw DeadLetterError(
                    .conflict, "the job \(rival.id) of \(rival.options.actor) began at the same time, and goes on")
            }
            self.pause(100)
        }
    }

    private func rival(of job: JobRecord) -> JobRecord? {
        self.ledger.ledger.jobs.values
            .filter { $0.id != job.id && $0.topic == job.topic && self.isAlive($0) }
            .min(by: Self.isBefore)
    }

    private static func isBefore(_ left: JobRecord, _ right: JobRecord) -> Bool {
        (left.createdAt, left.id) < (right.createdAt, right.id)
    }
}
