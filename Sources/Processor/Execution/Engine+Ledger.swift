import Commands
import Logging
import Synchronization

/// The way of a command when there is a database: looked up before it runs, recorded before its events are sent.
extension Engine {
    /// Nil for a record without a readable id or type: its dead letter is all that there is to remember.
    func ledgerCommand(_ work: Work) -> LedgerCommand? {
        guard let envelope = work.envelope, envelope.isFilled(.id), envelope.isFilled(.type) else { return nil }
        let slot = work.slot
        return LedgerCommand(
            domain: slot.domain.names.rawValue, envelope: envelope, partition: slot.partition,
            epoch: slot.ledgerEpoch, origin: work.origin,
            replays: Int(max(0, min(envelope.integer(.replays) ?? 0, 1_000_000))),
            isOver: { [weak self] in
                slot.isGone.load(ordering: .acquiring) || self?.dispatcher.withLock { $0.phase == .stopped } ?? true
            })
    }

    /// What is to happen by what the ledger knows.
    enum Decision {
        case go(Preparation)
        /// The same, and nothing is recorded of it.
        case goUnrecorded(Preparation)
        /// Its next attempt is recorded, and was perhaps never sent.
        case resume(LedgerProgress)
        /// It is left to the partition's next owner.
        case leave
    }

    func decide(_ finding: LedgerFinding, about work: Work, _ command: LedgerCommand, _ preparation: Preparation)
        -> Decision
    {
        // A record that is no readable command is parked whatever else there is under its id, and changes nothing there.
        if work.poison != nil, let origin = finding.origin {
            if origin != command.origin { return .goUnrecorded(preparation) }
            if case .begun = finding { return .go(preparation) }
        }
        switch finding {
        case .fresh: return .go(preparation)
        case .begun(let progress): return self.decide(progress, about: work, command, preparation)
        case .finished(let outcome): return .go(.end(.repeated(outcome)))
        case .cancelled(let reason):
            return .go(
                .end(.failed(AttemptFailure(failureClass: .cancelled, code: "CANCELLED", message: reason))))
        case .over: return .leave
        }
    }

    private func decide(
        _ progress: LedgerProgress, about work: Work, _ command: LedgerCommand, _ preparation: Preparation
    ) -> Decision {
        // A dead letter that was sent again begins anew.
        if command.replays > progress.replays { return .go(preparation) }
        if progress.origin != command.origin {
            guard self.isForsaken(progress, seenFrom: command, of: work, preparation) else {
                return .go(.end(.doubled))
            }
            self.logger.warning(
                "a command's next attempt did not come: this record carries the command on",
                metadata: [
                    "command.id": "\(command.envelope.id)", "command.type": "\(command.envelope.type)",
                    "attempts": "\(progress.attempts)", "origin": "\(command.origin)",
                    "origin.before": "\(progress.origin)",
                    "overdue.s": "\((self.clock.wall() - progress.due) / 1_000_000)",
                ])
        }
        return progress.attempts > work.attempt ? .resume(progress) : .go(preparation)
    }

    /// Whether the record that was to carry the command on is gone, with its topic or by retention.
    ///
    /// It is enough if that is likely: should the record come after all, it finds that another one has taken its place.
    private func isForsaken(
        _ progress: LedgerProgress, seenFrom command: LedgerCommand, of work: Work, _ preparation: Preparation
    ) -> Bool {
        let (there, here) = (progress.origin, command.origin)
        // Records of a partition come in order: one that lies before is read later only when the topic was made anew.
        // Retry records may come in any.
        if !work.slot.isRetry, there.topic == here.topic, there.partition == here.partition,
            there.offset > here.offset
        {
            return true
        }
        var patience = self.settings.overdueAfter
        // It may be running.
        if case .run(let entry) = preparation { patience += entry.policy.timeout }
        return self.clock.wall() - progress.due > patience.wholeMicroseconds
    }

    /// Goes on where the ledger says that the command stands.
    ///
    /// The interleaving that asks for it: an attempt fails, its retry is recorded, and the worker is killed before the
    /// retry record is stored. The command's own record comes again, and knows of no attempt; were it run, that would be
    /// an attempt more than the policy allows.
    func resume(_ work: Work, _ progress: LedgerProgress, command: LedgerCommand, on worker: Worker) async {
        let now = self.clock.wall()
        let before = work.attempt
        work.attempt = progress.attempts
        if work.firstFailedAt == 0 { work.firstFailedAt = progress.startedAt }
        work.finishedAt = now
        switch self.prepare(work, now: now) {
        case .end(let disposition):
            await self.finish(
                work, disposition, command: command, scope: nil, wasTried: false, attemptBefore: before, on: worker)
        case .run(let entry):
            self.logger.info(
                "a retry is recorded and may not have been sent: it is sent, and the attempt not made again",
                metadata: ["command.id": "\(command.envelope.id)", "attempts": "\(progress.attempts)"])
            var failure =
                progress.failure
                ?? AttemptFailure(failureClass: .transient, code: "INTERRUPTED", message: "its worker ended")
            failure.retryAfter = .milliseconds(max(0, (progress.due - now + 999) / 1000))
            let disposition = self.retry(work, failure, entry.policy)
            // The policy may have changed: an end is something new, and recorded.
            if case .failed = disposition {
                return await self.finish(
                    work, disposition, command: command, scope: nil, wasTried: false, attemptBefore: before, on: worker)
            }
            await self.complete(work, disposition, on: worker)
        }
    }

    /// Records how the attempt ended, then sends what follows from it.
    ///
    /// - Parameters:
    ///   - wasTried: Whether there was an attempt; without one the command came to its end, or was put off.
    ///   - attemptBefore: The attempts that the record itself told of, when the ledger told of more.
    func finish(
        _ work: Work, _ disposition: Disposition, command: LedgerCommand?, scope: (any LedgerScope)?,
        wasTried: Bool, attemptBefore: Int? = nil, on worker: Worker
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
            if wasTried {
                work.attempt -= 1
                work.attemptsHere -= 1
            } else if let attemptBefore {
                // What the ledger told is to be found anew.
                work.attempt = attemptBefore
            }
            self.logger.debug(
                "the database undid what was recorded: it is done again",
                metadata: ["command.id": "\(command.envelope.id)", "reason": "\(reason)"])
            await self.complete(work, .postponedInPlace(delay: 50), on: worker)
        case .refused(let failure):
            guard let policy = self.policy(of: work) else { return }
            await self.finish(
                work, self.retry(work, failure, policy), command: command, scope: nil, wasTried: wasTried, on: worker)
        case .fenced(let owner):
            self.fence(work, owner: owner)
        case .over:
            self.dispatcher.withLock { $0.abandoned(work) }
        }
    }

    private func policy(of work: Work) -> CommandPolicy? {
        work.envelope.flatMap { work.slot.domain.registry.find($0)?.entry.policy }
    }

    /// What is recorded of the disposition; nil when nothing is.
    private func entry(_ work: Work, _ disposition: Disposition, _ command: LedgerCommand) -> LedgerEntry? {
        let state: LedgerEntry.State
        var failure: AttemptFailure?
        var bytes: [UInt8] = []
        var due: Int64?
        var attempt = work.attempt
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
        case .retryInPlace(let reason, let delay):
            failure = reason
            state = .retrying
            due = work.finishedAt + delay * 1000
        case .retryTopic(let reason, _, let time):
            failure = reason
            state = .retrying
            due = time * 1000
        case .heldBack(let reason):
            failure = reason
            state = .retrying
            attempt -= 1
        case .postponedTopic(_, let time):
            state = .scheduled
            due = time * 1000
        case .scheduledInPlace(let delay):
            state = .scheduled
            due = work.finishedAt + delay * 1000
        case .postponedInPlace, .repeated, .doubled: return nil
        }
        return LedgerEntry(
            command: command, state: state, failure: failure, output: bytes, attempt: attempt,
            worker: self.settings.worker, receivedAt: work.receivedAt, startedAt: work.startedAt,
            finishedAt: work.finishedAt, due: due)
    }
}

extension LedgerFinding {
    /// Of the record that the ledger knows the command by.
    fileprivate var origin: RecordOrigin? {
        switch self {
        case .begun(let progress): progress.origin
        case .finished(let outcome): outcome.origin
        case .fresh, .cancelled, .over: nil
        }
    }
}
