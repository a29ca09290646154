import Commands
import Logging
import Synchronization

/// The way of a command when there is a database: looked up before it runs, recorded before its events are sent.
extension Engine {
    /// Nil for a record that is no readable command: its dead letter is all that there is to remember.
    func ledgerCommand(_ work: Work) -> LedgerCommand? {
        guard let envelope = work.envelope, work.poisonID == nil, envelope.has(.id), envelope.has(.type) else {
            return nil
        }
        let slot = work.slot
        return LedgerCommand(
            domain: slot.domain.names.rawValue, envelope: envelope, partition: slot.partition,
            epoch: slot.ledgerEpoch, origin: work.origin,
            replays: Int(max(0, min(envelope.integer(.replays) ?? 0, 1_000_000))),
            isOver: { [weak self] in
                slot.isGone.load(ordering: .acquiring) || self?.dispatcher.withLock { $0.phase == .stopped } ?? true
            })
    }

    /// What is to happen by what the ledger knows; nil when the command is left to the partition's next owner.
    func decide(_ finding: LedgerFinding, about work: Work, _ preparation: Preparation) -> Preparation? {
        switch finding {
        case .fresh: return preparation
        case .finished(let outcome): return .end(.repeated(outcome))
        case .underWay: return .end(.doubled)
        case .cancelled(let reason):
            return .end(
                .failed(AttemptFailure(failureClass: .cancelled, code: "CANCELLED", message: reason)))
        case .over: return nil
        }
    }

    /// Records how the attempt ended, then sends what follows from it.
    func finish(
        _ work: Work, _ disposition: Disposition, command: LedgerCommand?, scope: (any LedgerScope)?,
        on worker: Worker
    ) async {
        guard let ledger = self.ledger, let command, let entry = self.entry(work, disposition, command) else {
            scope?.abandon()
            return await self.complete(work, disposition, on: worker)
        }
        switch await ledger.record(entry, in: scope) {
        case .recorded:
            await self.complete(work, disposition, on: worker)
        case .repeated(let outcome):
            await self.complete(work, .repeated(outcome), on: worker)
        case .undone(let reason):
            // The database's trouble is not the command's: the attempt does not count.
            work.attempt -= 1
            work.attemptsHere -= 1
            self.logger.debug(
                "the database undid an attempt: it is made again",
                metadata: ["command.id": "\(command.envelope.id)", "reason": "\(reason)"])
            await self.complete(work, .postponedInPlace(delay: 50), on: worker)
        case .refused(let failure):
            guard let policy = self.policy(of: work) else { return }
            await self.finish(work, self.retry(work, failure, policy), command: command, scope: nil, on: worker)
        case .over:
            self.dispatcher.withLock { $0.abandoned(work) }
        }
    }

    private func policy(of work: Work) -> CommandPolicy? {
        guard let envelope = work.envelope, let type = envelope.span(.type) else { return nil }
        let registry = work.slot.domain.registry
        return registry.find(envelope.view.bytes, type).map { registry.entries[$0].policy }
    }

    /// What is recorded of the disposition; nil when nothing is.
    private func entry(_ work: Work, _ disposition: Disposition, _ command: LedgerCommand) -> LedgerEntry? {
        let state: LedgerEntry.State
        var failure: AttemptFailure?
        var bytes: [UInt8] = []
        switch disposition {
        case .succeeded(let output):
            state = .succeeded
            bytes = output
        case .failed(let reason):
            failure = reason
            state =
                switch reason.failureClass {
                case .cancelled: .cancelled
                case .expired: .expired
                default: .failed
                }
        case .retryInPlace(let reason, _), .retryTopic(let reason, _, _), .heldBack(let reason):
            failure = reason
            state = .retrying
        case .postponedTopic: state = .scheduled
        case .postponedInPlace, .repeated, .doubled: return nil
        }
        return LedgerEntry(
            command: command, state: state, failure: failure, output: bytes, attempt: work.attempt,
            worker: self.settings.worker, receivedAt: work.receivedAt, startedAt: work.startedAt,
            finishedAt: work.finishedAt)
    }
}
