import Commands
import Logging
import Synchronization

extension Engine {
    /// Cancels attempts that ran past their timeout; settles those that ignored it for too long.
    func watch(now: Int64) {
        let grace = self.settings.cancellationGrace.wholeMicroseconds
        let stuck = self.settings.stuckAfter.wholeMicroseconds
        for worker in self.workers.withLock({ $0 }) {
            enum Step { case nothing, report(Work), cancel(Work), abandon(Work) }
            let step: Step = worker.current.withLock { current in
                guard let work = current.work else { return .nothing }
                guard now >= current.deadline else {
                    guard now - current.startedAt >= stuck, !current.isReported else { return .nothing }
                    current.isReported = true
                    return .report(work)
                }
                if !current.isCancelled {
                    current.isCancelled = true
                    return .cancel(work)
                }
                guard now >= current.deadline + grace, !current.isAbandoned else { return .nothing }
                current.isAbandoned = true
                return .abandon(work)
            }
            switch step {
            case .nothing: break
            case .report(let work): self.tell(of: work, "a handler has been running for long")
            case .cancel(let work):
                self.tell(of: work, "a handler ran past its timeout: its task is cancelled")
                worker.task.withLock { $0 }?.cancel()
            case .abandon(let work): self.abandon(work)
            }
        }
    }

    /// The handler hangs and ignores its cancellation: its command goes on without it, and so does its place.
    private func abandon(_ work: Work) {
        self.tell(of: work, "a handler ignores its cancellation: its result will be discarded")
        self.dispatcher.withLock { $0.workers -= 1 }
        work.finishedAt = self.clock.wall()
        guard let envelope = work.envelope, let entry = work.slot.domain.registry.find(envelope)?.entry else { return }
        let timedOut = self.retry(work, Self.timedOut(entry.policy), entry.policy)
        let disposition = self.leaveGate(work, entry: entry, with: timedOut)
        let helper = Worker()
        // Not on the lane threads: handlers may block all of them.
        Task {
            await self.finish(
                work, disposition, command: self.ledger == nil ? nil : self.ledgerCommand(work), scope: nil,
                wasTried: true, on: helper)
        }
        self.executor.nudge()
    }

    /// Starts threads in place of those that handlers block.
    func relieve(now: Int64, hasWork: Bool) {
        let limit = self.settings.blockedAfter.wholeMicroseconds
        let relief = self.executor.relieve(now: now, after: limit, hasWork: hasWork)
        if relief.newlyBlocked > 0 {
            self.counters.blockedThreads.add(relief.newlyBlocked, ordering: .relaxed)
            self.logger.warning(
                "a handler blocks its thread instead of suspending: another thread takes its place when there is work",
                metadata: [
                    "threads.blocked": "\(relief.blocked)", "running.long": "\(self.runningSince(now - limit))",
                ])
        }
        if relief.isExhausted {
            self.logger.error(
                "handlers block all threads: nothing else runs before one of them lets go; let handlers suspend",
                metadata: ["threads.blocked": "\(relief.blocked)"])
        }
    }

    /// Commands whose attempt began by then, a few of them: one of them blocks its thread.
    private func runningSince(_ time: Int64) -> String {
        let found = self.workers.withLock { $0 }.compactMap { worker in
            worker.current.withLock { $0.startedAt <= time ? $0.work : nil }
        }
        let names = found.prefix(3).map { "\($0.envelope?.type ?? "") \($0.envelope?.id ?? "")" }
        return names.joined(separator: ", ") + (found.count > 3 ? " and \(found.count - 3) more" : "")
    }

    private func tell(of work: Work, _ message: Logger.Message) {
        self.logger.warning(
            message,
            metadata: [
                "command.id": "\(work.envelope?.id ?? "")", "command.type": "\(work.envelope?.type ?? "")",
                "command.key": "\(work.envelope?.orderingKeyText ?? "")", "origin": "\(work.origin)",
                "running.ms": "\((self.clock.wall() - work.startedAt) / 1000)",
            ])
    }
}
