import Commands
import Logging
import Synchronization

extension Engine {
    /// Cancels attempts that ran past their timeout; settles those that ignored it for too long.
    func watch(now: Int64) {
        let grace = self.settings.cancellationGrace.wholeMicroseconds
        let stuck = self.settings.stuckAfter.wholeMicroseconds
        for worker in self.workers.withLock({ $0 }) {
            enum Step { case nothing, report(Glance), cancel(Glance), abandon(Work, Glance) }
            let step: Step = worker.current.withLock { current in
                guard let work = current.work else { return .nothing }
                guard now >= current.deadline else {
                    guard now - current.startedAt >= stuck, !current.isReported else { return .nothing }
                    current.isReported = true
                    return .report(Glance(work))
                }
                if !current.isCancelled {
                    current.isCancelled = true
                    return .cancel(Glance(work))
                }
                guard now >= current.deadline + grace, !current.isAbandoned else { return .nothing }
                current.isAbandoned = true
                return .abandon(work, Glance(work))
            }
            switch step {
            case .nothing: break
            case .report(let glance): self.tell(of: glance, "a handler has been running for long")
            case .cancel(let glance):
                self.tell(of: glance, "a handler ran past its timeout: its task is cancelled")
                worker.task.withLock { $0 }?.cancel()
            case .abandon(let work, let glance): self.abandon(work, glance)
            }
        }
    }

    /// The handler hangs and ignores its cancellation: its command goes on without it, and so does its place.
    private func abandon(_ work: Work, _ glance: Glance) {
        self.tell(of: glance, "a handler ignores its cancellation: its result will be discarded")
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
            worker.current.withLock { current in
                // Others settle an attempt that was given up.
                current.startedAt <= time && !current.isAbandoned ? current.work.map { Glance($0) } : nil
            }
        }
        let names = found.prefix(3).map { "\($0.type) \($0.id)" }
        return names.joined(separator: ", ") + (found.count > 3 ? " and \(found.count - 3) more" : "")
    }

    private func tell(of glance: Glance, _ message: Logger.Message) {
        self.logger.warning(
            message,
            metadata: [
                "command.id": "\(glance.id)", "command.type": "\(glance.type)", "command.key": "\(glance.key)",
                "origin": "\(glance.origin)", "running.ms": "\((self.clock.wall() - glance.startedAt) / 1000)",
            ])
    }
}

/// What the log says of a command whose handler runs.
private struct Glance {
    let id: String
    let type: String
    let key: String
    let origin: RecordOrigin
    let startedAt: Int64

    /// Under the lock of its worker's `current`: afterwards the attempt may be over, and the envelope let go of.
    init(_ work: Work) {
        self.id = work.envelope?.id ?? ""
        self.type = work.envelope?.type ?? ""
        self.key = work.envelope?.orderingKeyText ?? ""
        self.origin = work.origin
        self.startedAt = work.startedAt
    }
}
