import Commands
import DequeModule

/// Holds back commands of one type: by number, by rate, by tenant, and while their world is down.
///
/// A command that is held back keeps its lane, so that order is kept, and counts against the look-ahead limits, so that
/// memory is bounded. `@unchecked Sendable`: what changes is guarded by the engine's lock.
final class TypeGate: @unchecked Sendable {
    /// So many starts in so long a time, as a bucket that fills evenly.
    struct Bucket {
        let capacity: Double
        let perMicrosecond: Double
        var tokens: Double
        var filledAt: Int64

        init(_ rate: CommandLimits.Rate, now: Int64) {
            self.capacity = Double(rate.count)
            self.perMicrosecond = Double(rate.count) / Double(max(1, rate.interval.wholeMicroseconds))
            self.tokens = self.capacity
            self.filledAt = now
        }

        mutating func fill(now: Int64) {
            self.tokens = min(self.capacity, self.tokens + Double(max(0, now - self.filledAt)) * self.perMicrosecond)
            self.filledAt = now
        }

        /// When the next token is there.
        var nextAt: Int64 { self.filledAt + Int64(max(0, 1 - self.tokens) / self.perMicrosecond) + 1 }
    }

    struct Tenant {
        var bucket: Bucket
        var waiting: Deque<Work> = []
    }

    enum Outage {
        case none(failures: Int)
        case open(probeAt: Int64, interval: Int64, isProbing: Bool)
    }

    /// What holds a command back.
    enum Limit: String, CaseIterable {
        case concurrency, rate, tenantRate = "tenant_rate", outage
    }

    let type: CommandType
    let limits: CommandLimits
    var running = 0
    var waiting: Deque<Work> = []
    var outage = Outage.none(failures: 0)
    var bucket: Bucket?
    var tenants: [String: Tenant] = [:]
    private var tickets: UInt64 = 0
    /// When somebody was last told of a limit that was reached.
    private var toldAt: [Limit: Int64] = [:]

    init(type: CommandType, limits: CommandLimits) {
        self.type = type
        self.limits = limits
    }

    var isOpen: Bool { if case .open = self.outage { true } else { false } }

    var waitingCount: Int { self.waiting.count + self.tenants.values.reduce(0) { $0 + $1.waiting.count } }

    /// Whether it is worth a word that a limit was reached: once a minute.
    func isNews(_ limit: Limit, now: Int64) -> Bool {
        if let last = self.toldAt[limit], now - last < 60_000_000 { return false }
        self.toldAt[limit] = now
        return true
    }

    /// Keeps a command until it may pass.
    func hold(_ work: Work) { self.hold(work, in: &self.waiting) }

    /// One that was let go of and found no room after all comes back to its place, so that none is passed by for ever.
    func hold(_ work: Work, in waiting: inout Deque<Work>) {
        guard work.ticket > 0 else {
            self.tickets += 1
            work.ticket = self.tickets
            waiting.append(work)
            return
        }
        waiting.insert(work, at: waiting.firstIndex { $0.ticket > work.ticket } ?? waiting.count)
    }

    /// Takes out the held-back commands that a revoke or a stop concerns.
    func takeWaiting(where isConcerned: (Work) -> Bool) -> [Work] {
        var taken: [Work] = []
        for work in self.waiting where isConcerned(work) { taken.append(work) }
        if !taken.isEmpty { self.waiting = Deque(self.waiting.filter { !isConcerned($0) }) }
        for (tenant, state) in self.tenants {
            let concerned = state.waiting.filter(isConcerned)
            guard !concerned.isEmpty else { continue }
            taken.append(contentsOf: concerned)
            self.tenants[tenant]?.waiting = Deque(state.waiting.filter { !isConcerned($0) })
        }
        return taken
    }

    /// Forgets tenants whose buckets are full again, when there are many.
    func sweepTenants(now: Int64) {
        guard self.tenants.count > 10_000 else { return }
        self.tenants = self.tenants.filter { _, state in
            var bucket = state.bucket
            bucket.fill(now: now)
            return !state.waiting.isEmpty || bucket.tokens < bucket.capacity
        }
    }
}
