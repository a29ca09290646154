import Commands
import Logging
import Synchronization

extension Engine {
    /// Whether the command may run now; otherwise its type's gate keeps it.
    func admit(_ work: Work, by gate: TypeGate) -> Bool {
        let tenant = gate.limits.tenantRate == nil ? nil : work.envelope?.text(.tenant)
        let now = self.clock.monotonic()
        let held = self.dispatcher.withLock { $0.admit(work, by: gate, tenant: tenant, now: now) }
        guard let held else { return true }
        if held.isFirst { self.metrics.held(gate.type, in: work.slot.domain.names, by: held.by) }
        // Of an outage the log tells as it begins and ends.
        if held.isNews, held.by != .outage {
            self.logger.notice(
                "commands wait at a limit of their type",
                metadata: ["command.type": "\(gate.type)", "limit": "\(held.by.rawValue)"])
        }
        self.source.wake()
        return false
    }

    /// Tells the type's gate how the attempt ended; during an outage a transient failure does not count.
    func leaveGate(_ work: Work, entry: HandlerEntry, with disposition: Disposition) -> Disposition {
        guard let gate = work.slot.domain.gate(of: entry.type) else { return disposition }
        let failure = disposition.transientFailure
        let now = self.clock.monotonic()
        let (counts, change) = self.dispatcher.withLock {
            $0.leave(gate, work, failedTransiently: failure != nil, now: now)
        }
        switch change {
        case .none: break
        case .began:
            self.counters.outages.add(1, ordering: .relaxed)
            self.logger.warning(
                "outage: commands of this type fail one after another; one at a time is tried until one does not",
                metadata: ["command.type": "\(entry.type)", "error.code": "\(failure?.code ?? "")"])
        case .ended: self.logger.notice("the outage is over", metadata: ["command.type": "\(entry.type)"])
        }
        self.executor.nudge()
        if !counts, let failure { return .heldBack(failure) }
        return disposition
    }
}

extension Disposition {
    /// The failure behind the disposition, when it was transient.
    var transientFailure: AttemptFailure? {
        switch self {
        case .retryInPlace(let failure, _), .retryTopic(let failure, _, _), .heldBack(let failure): failure
        case .failed(let failure): failure.failureClass == .exhausted ? failure : nil
        case .succeeded, .scheduledInPlace, .postponedInPlace, .postponedTopic, .repeated, .doubled: nil
        }
    }
}
