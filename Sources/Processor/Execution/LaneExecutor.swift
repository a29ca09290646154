import DequeModule
import Foundation
import Synchronization

/// Runs handlers on threads of its own, so that neither a busy handler nor a blocked one holds up anybody else's tasks.
///
/// It is a Swift task executor that knows where work comes from: when a task suspends (its handler waits for something)
/// or ends, the thread asks `refill` for another command before it sleeps. A handler that never suspends therefore costs
/// neither a task nor a context switch, and one that suspends costs one job.
///
/// `@unchecked Sendable`: `jobs`, `sleeping`, `nudged`, `isStopping` and `lanes` are touched under `condition`'s lock
/// only; `refill` and `finish` are set before the threads start.
final class LaneExecutor: TaskExecutor, @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: Deque<UnownedJob> = []
    private var sleeping = 0
    private var nudged = 0
    private var isStopping = false
    private var lanes = LaneThreads()
    private let stopped = DispatchSemaphore(value: 0)
    /// Whether a second thread is woken as soon as there is more to do than one command. On one or two cores it is not:
    /// the engine's and librdkafka's other threads need a core too, and two lane threads with short handlers wait for each
    /// other. Another one is woken when commands take long (see `Engine.shareLoad`), and when a poll brings many of them
    /// (see `Engine.takeTurnOfLane`).
    private let isEager: Bool

    /// Whether threads are woken sparingly.
    var isFrugal: Bool { !self.isEager }

    init(cores: Int) { self.isEager = cores > 2 }

    /// Jobs waiting: a worker that never suspends looks here and steps back.
    private let backlog = Atomic<Int>(0)
    private var refill: (@Sendable () -> Refill)?
    private var finish: (@Sendable (LaneThread) -> Void)?

    /// What a refill found.
    enum Refill {
        case nothing
        /// Something to do for the thread that asked.
        case found
        /// That, and more for another thread.
        case foundMore
    }

    /// - Parameters:
    ///   - spares: Threads that may be started besides, each in place of one that a handler blocks.
    ///   - refill: Finds something to do for a thread that has no job.
    ///   - finish: Called on a thread with a batch after each job, which ends where its task suspends.
    func start(
        threads: Int, spares: Int, refill: @escaping @Sendable () -> Refill,
        finish: @escaping @Sendable (LaneThread) -> Void
    ) {
        self.refill = refill
        self.finish = finish
        self.condition.lock()
        self.lanes = LaneThreads(base: threads, spares: spares)
        let first = (0..<threads).map { _ in self.lanes.add() }
        self.condition.unlock()
        for thread in first { self.launch(thread) }
    }

    private func launch(_ thread: LaneThread) {
        NamedThread.start("adj-lane-\(thread.number)") { self.loop(thread) }
    }

    var hasBacklog: Bool { self.backlog.load(ordering: .relaxed) > 0 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.condition.lock()
        self.jobs.append(job)
        self.backlog.add(1, ordering: .relaxed)
        let wake = self.mayWake
        self.condition.unlock()
        if wake { self.condition.signal() }
    }

    /// Whether a sleeping thread is to be woken; asked under the lock. A thread that is awake looks for jobs and nudges
    /// under the same lock before it sleeps, so that nothing is missed; one that a handler blocks looks for nothing.
    private var mayWake: Bool { self.sleeping > 0 && (self.isEager || self.sleeping >= self.lanes.free) }

    /// There may be work: wakes a sleeping thread, `another` one even where that is not done at once.
    func nudge(another: Bool = false) {
        self.condition.lock()
        self.nudged += 1
        let wake = another ? self.sleeping > 0 : self.mayWake
        self.condition.unlock()
        if wake { self.condition.signal() }
    }

    /// Finds threads that have been at one job for too long, and starts others in their place while there is something
    /// to do for them.
    ///
    /// - Parameters:
    ///   - now: Monotonic microseconds.
    ///   - limit: How long one job may keep a thread, microseconds.
    ///   - hasWork: Whether commands are ready to run.
    func relieve(now: Int64, after limit: Int64, hasWork: Bool) -> LaneThreads.Relief {
        self.condition.lock()
        let hasWork = hasWork || !self.jobs.isEmpty
        let relief = self.isStopping ? LaneThreads.Relief() : self.lanes.relieve(now: now, after: limit, hasWork)
        self.condition.unlock()
        for thread in relief.started { self.launch(thread) }
        return relief
    }

    var threads: [LaneThread] {
        self.condition.lock()
        defer { self.condition.unlock() }
        return self.lanes.all
    }

    /// Threads that a handler blocks now.
    var blockedThreads: Int {
        self.condition.lock()
        defer { self.condition.unlock() }
        return self.lanes.blocked
    }

    /// Ends the threads once they have nothing to run; waits so long for it, since a blocked handler may keep one for
    /// ever.
    func stop(milliseconds: Int) {
        self.condition.lock()
        self.isStopping = true
        let count = self.lanes.all.count
        self.condition.unlock()
        self.condition.broadcast()
        let limit = DispatchTime.now() + .milliseconds(milliseconds)
        for _ in 0..<count { _ = self.stopped.wait(timeout: limit) }
    }

    private func loop(_ thread: LaneThread) {
        thread.becomeCurrent()
        let executor = self.asUnownedTaskExecutor()
        self.condition.lock()
        while true {
            if let job = self.jobs.popFirst() {
                self.backlog.subtract(1, ordering: .relaxed)
                thread.begin()
                self.condition.unlock()
                job.runSynchronously(on: executor)
                if !thread.batch.isEmpty { self.finish?(thread) }
                self.condition.lock()
                // Another thread took over while this one was blocked: one of them is too many now.
                if self.lanes.end(thread), !self.isStopping { break }
                continue
            }
            let seen = self.nudged
            self.condition.unlock()
            let found = self.refill?() ?? .nothing
            self.condition.lock()
            if found == .foundMore, self.mayWake { self.condition.signal() }
            if found != .nothing || !self.jobs.isEmpty || self.nudged != seen { continue }
            if self.isStopping { break }
            self.sleeping += 1
            self.condition.wait()
            self.sleeping -= 1
        }
        self.lanes.remove(thread)
        let isStopping = self.isStopping
        self.condition.unlock()
        // A wake-up may have been meant for this thread.
        if isStopping { self.stopped.signal() } else { self.nudge(another: true) }
    }
}
