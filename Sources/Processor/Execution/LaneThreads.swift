import Glibc

/// A thread that runs handlers, as the watchdog sees it.
///
/// `@unchecked Sendable`: what changes is guarded by the executor's lock.
final class LaneThread: @unchecked Sendable {
    let number: Int
    let batch = LaneBatch()
    fileprivate var isBusy = false
    fileprivate var isBlocked = false
    /// Rises with every job.
    fileprivate var turn: UInt64 = 0
    /// What the watchdog saw last, and since when it has been so.
    private var seenTurn: UInt64 = .max
    private var seenAt: Int64 = 0

    fileprivate init(number: Int) { self.number = number }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let error = pthread_key_create(&key, nil)
        precondition(error == 0, "no place for a thread's own value: \(error)")
        return key
    }()

    /// The one that the calling thread is.
    static var current: LaneThread? {
        pthread_getspecific(Self.key).map { Unmanaged<LaneThread>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Makes this the calling thread's; it is to be held for as long as the thread lives.
    func becomeCurrent() { pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque()) }

    func begin() {
        self.turn &+= 1
        self.isBusy = true
    }

    /// How long the job at hand has kept the thread, as far as the watchdog can tell, in microseconds.
    fileprivate func busyTime(now: Int64) -> Int64 {
        guard self.isBusy else { return 0 }
        if self.seenTurn != self.turn {
            self.seenTurn = self.turn
            self.seenAt = now
        }
        return now - self.seenAt
    }
}

/// Which lane threads there are, which of them a handler blocks, and how many more are to be started.
///
/// A state machine without threads or clock; the executor guards it.
struct LaneThreads {
    /// What a look at the threads came to.
    struct Relief {
        /// To be launched.
        var started: [LaneThread] = []
        /// Threads found blocked for the first time.
        var newlyBlocked = 0
        /// Threads blocked now.
        var blocked = 0
        /// A thread is wanted, and no more may be started.
        var isExhausted = false
    }

    private let base: Int
    private let spares: Int
    private(set) var all: [LaneThread] = []
    private(set) var blocked = 0
    private var numbers = 0
    private var isExhausted = false

    init(base: Int = 0, spares: Int = 0) {
        self.base = base
        self.spares = spares
    }

    /// Threads that can look for work.
    var free: Int { self.all.count - self.blocked }

    mutating func add() -> LaneThread {
        let thread = LaneThread(number: self.numbers)
        self.numbers += 1
        self.all.append(thread)
        return thread
    }

    mutating func remove(_ thread: LaneThread) { self.all.removeAll { $0 === thread } }

    /// The thread's job is over; true when the thread is to end, because another one has taken its place.
    mutating func end(_ thread: LaneThread) -> Bool {
        thread.isBusy = false
        guard thread.isBlocked else { return false }
        thread.isBlocked = false
        self.blocked -= 1
        return self.free > self.base
    }

    /// One more thread for each that has been at one job for `limit`, while there is work and the bound allows.
    mutating func relieve(now: Int64, after limit: Int64, _ hasWork: Bool) -> Relief {
        var relief = Relief()
        for thread in self.all where thread.busyTime(now: now) >= limit && !thread.isBlocked {
            thread.isBlocked = true
            self.blocked += 1
            relief.newlyBlocked += 1
        }
        relief.blocked = self.blocked
        while hasWork, self.free < self.base, self.all.count < self.base + self.spares {
            relief.started.append(self.add())
        }
        let isExhausted = hasWork && self.free < self.base
        relief.isExhausted = isExhausted && !self.isExhausted
        self.isExhausted = isExhausted
        return relief
    }
}
