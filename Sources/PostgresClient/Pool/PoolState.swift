import DequeModule

/// Who has which connection of a pool, and who waits for one. No I/O: ``PostgresPool`` acts on what it is told.
struct PoolState<Connection: Sendable> {
    /// What somebody who needs a connection gets.
    enum Grant: Sendable {
        case connection(Lease)
        /// Room for one more: whoever gets it connects, and says so or gives the room back.
        case room
    }

    struct Lease: Sendable {
        let number: Int
        let connection: Connection
        let opened: ContinuousClock.Instant
    }

    struct Idle {
        let lease: Lease
        let since: ContinuousClock.Instant
    }

    struct Waiter {
        let number: Int
        let deadline: ContinuousClock.Instant
        let continuation: UnsafeContinuation<Result<Grant, any Error>, Never>
    }

    typealias Resumption = (
        continuation: UnsafeContinuation<Result<Grant, any Error>, Never>, answer: Result<Grant, any Error>
    )

    private let limit: Int
    /// Idle, lent, and being opened.
    private(set) var open = 0
    /// The last returned is lent first, so that those that are too many grow old.
    private(set) var idle: [Idle] = []
    private(set) var waiters: Deque<Waiter> = []
    /// Waiters whose task was cancelled before they waited.
    private var cancelled: Set<Int> = []
    private(set) var isClosed = false

    init(limit: Int) { self.limit = max(1, limit) }

    /// Something at once, or nil: then wait.
    mutating func take() -> Grant? {
        // Nobody overtakes those who wait.
        guard self.waiters.isEmpty else { return nil }
        if let last = self.idle.popLast() { return .connection(last.lease) }
        guard self.open < self.limit else { return nil }
        self.open += 1
        return .room
    }

    mutating func wait(_ waiter: Waiter) -> Resumption? {
        if self.isClosed { return (waiter.continuation, .failure(PoolErrors.closed)) }
        if self.cancelled.remove(waiter.number) != nil {
            return (waiter.continuation, .failure(CancellationError()))
        }
        if let grant = self.take() { return (waiter.continuation, .success(grant)) }
        self.waiters.append(waiter)
        return nil
    }

    mutating func cancel(waiter number: Int) -> Resumption? {
        guard let index = self.waiters.firstIndex(where: { $0.number == number }) else {
            self.cancelled.insert(number)
            return nil
        }
        return (self.waiters.remove(at: index).continuation, .failure(CancellationError()))
    }

    /// The waiter was answered: a later cancellation finds nobody.
    mutating func answered(waiter number: Int) { self.cancelled.remove(number) }

    /// - Returns: Whom to hand it to, and whether to close it instead of keeping it.
    mutating func putBack(_ lease: Lease, at now: ContinuousClock.Instant) -> (resumption: Resumption?, closes: Bool) {
        if self.isClosed {
            self.open -= 1
            return (nil, true)
        }
        if let waiter = self.waiters.popFirst() { return ((waiter.continuation, .success(.connection(lease))), false) }
        self.idle.append(Idle(lease: lease, since: now))
        return (nil, false)
    }

    /// A connection that was lent is no more, or could not be opened: somebody else may open one.
    mutating func giveUp() -> Resumption? {
        guard !self.isClosed, let waiter = self.waiters.popFirst() else {
            self.open -= 1
            return nil
        }
        return (waiter.continuation, .success(.room))
    }

    /// A connection ended. One that is lent is noticed when it comes back.
    mutating func ended(number: Int) -> Resumption? {
        guard let index = self.idle.firstIndex(where: { $0.lease.number == number }) else { return nil }
        self.idle.remove(at: index)
        return self.giveUp()
    }

    /// Those who have waited too long.
    mutating func expire(at now: ContinuousClock.Instant) -> [Resumption] {
        var expired: [Resumption] = []
        while let first = self.waiters.first, first.deadline <= now {
            self.waiters.removeFirst()
            expired.append((first.continuation, .failure(PoolErrors.timeout)))
        }
        return expired
    }

    /// Takes out what has been idle since then, as if lent.
    mutating func takeIdle(since instant: ContinuousClock.Instant) -> [Lease] {
        let old = self.idle.filter { $0.since <= instant }.map(\.lease)
        self.idle.removeAll { $0.since <= instant }
        return old
    }

    /// - Returns: Waiters to refuse, connections to close.
    mutating func close() -> ([Resumption], [Lease]) {
        self.isClosed = true
        defer {
            self.open -= self.idle.count
            self.idle = []
            self.waiters = []
        }
        return (self.waiters.map { ($0.continuation, .failure(PoolErrors.closed)) }, self.idle.map(\.lease))
    }
}

enum PoolErrors {
    static let closed = PostgresError(
        code: .poolClosed, kind: .fatal, message: "the pool of database connections is closed")
    static let timeout = PostgresError(
        code: .poolTimeout, kind: .resources,
        message:
            "no database connection became free in time; raise the number of connections or look for slow transactions"
    )
}
