import Commands
import DequeModule

extension Dispatcher {
    /// What an attempt's end did to its type's outage.
    enum OutageChange { case none, began, ended }

    /// A command that its type's gate did not let through.
    struct Held {
        let by: TypeGate.Limit
        /// Whether it was not held before.
        let isFirst: Bool
        /// Whether the log should tell of the limit.
        let isNews: Bool
    }

    /// Lets a command through its type's gate, or parks it there; it counts as running no more then.
    ///
    /// - Returns: What holds it; nil when it may run.
    mutating func admit(_ work: Work, by gate: TypeGate, tenant: String?, now: Int64) -> Held? {
        let isFirst = work.ticket == 0
        guard let limit = self.limit(for: work, at: gate, tenant: tenant, now: now) else {
            gate.running += 1
            work.isAdmitted = true
            work.ticket = 0
            return nil
        }
        return Held(by: limit, isFirst: isFirst, isNews: gate.isNews(limit, now: now))
    }

    /// The limit that parked the command; nil when none did.
    private mutating func limit(
        for work: Work, at gate: TypeGate, tenant: String?, now: Int64
    ) -> TypeGate.Limit? {
        if case .open(let probeAt, let interval, let isProbing) = gate.outage {
            guard !isProbing, now >= probeAt else { return self.park(work, by: .outage) { gate.hold(work) } }
            gate.outage = .open(probeAt: probeAt, interval: interval, isProbing: true)
            work.isProbe = true
        }
        if let limit = gate.limits.concurrency, gate.running >= limit {
            self.endProbe(of: work, at: gate)
            return self.park(work, by: .concurrency) { gate.hold(work) }
        }
        if let rate = gate.limits.tenantRate, let tenant {
            gate.sweepTenants(now: now)
            var state = gate.tenants[tenant] ?? TypeGate.Tenant(bucket: TypeGate.Bucket(rate, now: now))
            state.bucket.fill(now: now)
            let isThrough = state.bucket.tokens >= 1
            if isThrough { state.bucket.tokens -= 1 } else { gate.hold(work, in: &state.waiting) }
            gate.tenants[tenant] = state
            if !isThrough {
                self.endProbe(of: work, at: gate)
                return self.park(work, by: .tenantRate) {}
            }
        }
        if let rate = gate.limits.rate {
            var bucket = gate.bucket ?? TypeGate.Bucket(rate, now: now)
            bucket.fill(now: now)
            let isThrough = bucket.tokens >= 1
            if isThrough { bucket.tokens -= 1 }
            gate.bucket = bucket
            if !isThrough {
                // The tenant's token was not used: kept, it would make the command fail at its tenant's rate next time,
                // and so on in turn, while others pass.
                if gate.limits.tenantRate != nil, let tenant { gate.tenants[tenant]?.bucket.tokens += 1 }
                self.endProbe(of: work, at: gate)
                return self.park(work, by: .rate) { gate.hold(work) }
            }
        }
        return nil
    }

    private mutating func park(_ work: Work, by limit: TypeGate.Limit, _ put: () -> Void) -> TypeGate.Limit {
        self.running -= 1
        work.slot.running -= 1
        self.beginWaiting(work)
        put()
        return limit
    }

    private func endProbe(of work: Work, at gate: TypeGate) {
        guard work.isProbe, case .open(let probeAt, let interval, _) = gate.outage else { return }
        work.isProbe = false
        gate.outage = .open(probeAt: probeAt, interval: interval, isProbing: false)
    }

    /// The attempt is over.
    ///
    /// - Parameter failedTransiently: Nil when it is not known, because the attempt was given up.
    /// - Returns: Whether the failure counts for the command, and what it did to the outage.
    mutating func leave(
        _ gate: TypeGate, _ work: Work, failedTransiently: Bool?, now: Int64
    ) -> (counts: Bool, change: OutageChange) {
        if work.isAdmitted {
            work.isAdmitted = false
            gate.running -= 1
        }
        let wasProbe = work.isProbe
        work.isProbe = false
        let first = gate.limits.outageProbe.wholeMicroseconds
        var result: (counts: Bool, change: OutageChange) = (true, .none)
        switch gate.outage {
        case .none(let failures):
            guard failedTransiently != false else {
                gate.outage = .none(failures: 0)
                break
            }
            if let limit = gate.limits.outageAfter, failures + 1 >= limit {
                gate.outage = .open(probeAt: now + first, interval: first, isProbing: false)
                result.change = .began
            } else {
                gate.outage = .none(failures: failures + 1)
            }
        case .open(let probeAt, let interval, let isProbing):
            guard failedTransiently != false else {
                gate.outage = .none(failures: 0)
                result.change = .ended
                break
            }
            result.counts = false
            if wasProbe {
                let longer = min(interval * 2, first * 30)
                gate.outage = .open(probeAt: now + longer, interval: longer, isProbing: false)
            } else {
                gate.outage = .open(probeAt: probeAt, interval: interval, isProbing: isProbing)
            }
        }
        self.releaseWaiting(of: gate, now: now)
        return result
    }

    /// A command whose attempt an outage made void waits at its type's gate.
    mutating func holdBack(_ work: Work) {
        self.running -= 1
        work.slot.running -= 1
        guard work.slot.state == .active, self.phase == .running else { return self.letGo(work) }
        guard let type = work.envelope?.type, let gate = work.slot.domain.gate(of: CommandType(type)) else {
            self.wait(work)
            return
        }
        self.beginWaiting(work)
        gate.hold(work)
    }

    /// Lets go of what the gates no longer hold; returns when to look again.
    mutating func releaseGates(now: Int64) -> Int64? {
        var next: Int64?
        for gate in self.gates where !gate.waiting.isEmpty || !gate.tenants.isEmpty {
            if let time = self.releaseWaiting(of: gate, now: now) { next = min(next ?? time, time) }
        }
        return next
    }

    /// Puts into the ready queue as many as may pass now; they ask for admission again there.
    @discardableResult
    private mutating func releaseWaiting(of gate: TypeGate, now: Int64) -> Int64? {
        var next: Int64?
        for (tenant, var state) in gate.tenants where !state.waiting.isEmpty {
            state.bucket.fill(now: now)
            var room = Int(state.bucket.tokens)
            while room > 0, let work = state.waiting.popFirst() {
                self.endWaiting(work)
                self.ready.append(work)
                room -= 1
            }
            gate.tenants[tenant] = state
            if !state.waiting.isEmpty { next = min(next ?? .max, state.bucket.nextAt) }
        }
        guard !gate.waiting.isEmpty else { return next }
        var room = gate.waiting.count
        if case .open(let probeAt, _, let isProbing) = gate.outage {
            guard !isProbing else { return next }
            guard now >= probeAt else { return min(next ?? .max, probeAt) }
            room = 1
        }
        if let limit = gate.limits.concurrency { room = min(room, max(0, limit - gate.running)) }
        if gate.limits.rate != nil, var bucket = gate.bucket {
            bucket.fill(now: now)
            gate.bucket = bucket
            room = min(room, Int(bucket.tokens))
            if room < gate.waiting.count { next = min(next ?? .max, bucket.nextAt) }
        }
        while room > 0, let work = gate.waiting.popFirst() {
            self.endWaiting(work)
            self.ready.append(work)
            room -= 1
        }
        return next
    }
}
