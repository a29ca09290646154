import Commands
import Synchronization

/// One of the `concurrency` places in which a handler can run: a long-lived task that takes one command after another.
///
/// `@unchecked Sendable`: `draft`, `next`, `isSpent` and `steppedBackAt` are used by the worker's own task only.
final class Worker: @unchecked Sendable {
    /// The attempt that runs here, as the watchdog sees it.
    struct Current {
        var work: Work?
        /// Monotonic microseconds.
        var deadline: Int64 = .max
        var startedAt: Int64 = 0
        var isReported = false
        var isCancelled = false
        /// The engine has settled the attempt without waiting for its handler any longer.
        var isAbandoned = false
    }

    let current = Mutex(Current())
    let task = Mutex<Task<Void, Never>?>(nil)
    /// The watchdog cancels, or is about to cancel, the worker's task: it must not take another command.
    ///
    /// The flag, not the task, is asked, because of this interleaving: the watchdog marks the attempt as cancelled; the
    /// attempt ends; the worker finds its task not cancelled and begins the next command; the watchdog cancels the
    /// task, and with it a command that has hardly begun.
    var isSpent = false
    /// When the worker last stepped back from its thread, or began; Unix microseconds.
    private var steppedBackAt: Int64 = 0
    /// Taken already, and counted as running.
    var next: Work?
    /// Reused for every event that the worker sends.
    var draft = OutgoingRecord()

    func begin(_ work: Work, at now: Int64, deadline: Int64) {
        self.current.withLock { $0 = Current(work: work, deadline: deadline, startedAt: now) }
    }

    /// Whether the worker has gone from command to command for so long that it is to step back once: a thread that shows
    /// no sign of life counts as blocked.
    func isToStepBack(at now: Int64) -> Bool {
        guard self.isDueToStepBack(at: now) else { return false }
        self.steppedBackAt = now
        return true
    }

    func isDueToStepBack(at now: Int64) -> Bool { abs(now - self.steppedBackAt) >= 100_000 }

    /// Ends the attempt; false when the engine has given it up meanwhile.
    func end() -> (isOurs: Bool, wasCancelled: Bool) {
        self.current.withLock { current in
            defer {
                current.work = nil
                current.deadline = .max
            }
            return (!current.isAbandoned, current.isCancelled)
        }
    }
}
