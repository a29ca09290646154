import Commands
import Foundation
import Logging
import Synchronization
import Tracing

/// What is to happen with a command after an attempt, or instead of one.
enum Disposition {
    case succeeded(output: [UInt8])
    /// The end, by a failure.
    case failed(AttemptFailure)
    /// Another attempt here, after so many milliseconds.
    case retryInPlace(AttemptFailure, delay: Int64)
    /// Another attempt by way of a retry topic, not before the Unix time in milliseconds.
    case retryTopic(AttemptFailure, RetryTier, due: Int64)
    /// Another attempt here when the type's outage is over; this one does not count.
    case heldBack(AttemptFailure)
    /// Not to be run yet: `notbefore` lies ahead, so many milliseconds, which is told once.
    case scheduledInPlace(delay: Int64)
    case postponedTopic(RetryTier, due: Int64)
    /// Not to be run yet, for a reason that was told before or that is nobody's business.
    case postponedInPlace(delay: Int64)
    /// The command was finished before: its outcome goes out again, by the same ids.
    case repeated(LedgerOutcome)
    /// Another record of the same command is under way and will have the outcome.
    case doubled
}

extension Disposition {
    /// Whether nothing was tried, and nothing is decided.
    var isPostponement: Bool {
        switch self {
        case .scheduledInPlace, .postponedTopic, .postponedInPlace: true
        case .succeeded, .failed, .retryInPlace, .retryTopic, .heldBack, .repeated, .doubled: false
        }
    }
}

extension Engine {
    // MARK: - Workers

    private enum Step {
        case resume(UnsafeContinuation<Work?, Never>, Work)
        case spawn
        case nothing
    }

    /// Finds something to do for a lane thread: wakes or makes a worker when a command is ready.
    func refill() -> LaneExecutor.Refill {
        let found = self.startNext()
        guard found == .nothing, self.takeTurnOfLane() else { return found }
        return self.startNext()
    }

    private func startNext() -> LaneExecutor.Refill {
        let (step, hasMore): (Step, Bool) = self.dispatcher.withLock { dispatcher in
            (Self.nextStep(&dispatcher), dispatcher.ready.count > 1)
        }
        let found: LaneExecutor.Refill = hasMore ? .foundMore : .found
        switch step {
        case .resume(let continuation, let work):
            continuation.resume(returning: work)
            return found
        case .spawn:
            self.spawnWorker()
            return found
        case .nothing:
            return .nothing
        }
    }

    private static func nextStep(_ dispatcher: inout Dispatcher) -> Step {
        guard !dispatcher.ready.isEmpty, dispatcher.running < dispatcher.settings.concurrency else {
            return .nothing
        }
        if let continuation = dispatcher.idle.popLast() {
            if let work = dispatcher.take() { return .resume(continuation, work) }
            dispatcher.idle.append(continuation)
            return .nothing
        }
        guard dispatcher.phase == .running, dispatcher.workers < dispatcher.settings.concurrency else {
            return .nothing
        }
        dispatcher.workers += 1
        return .spawn
    }

    private func spawnWorker() {
        let worker = Worker()
        self.workers.withLock { $0.append(worker) }
        // Unstructured, because a worker whose handler ignores its cancellation must not hold up anybody's scope.
        let task = Task(executorPreference: self.executor) { await self.work(worker) }
        worker.task.withLock { $0 = task }
    }

    /// A worker's life: one command after another; it sleeps when there is none.
    private func work(_ worker: Worker) async {
        while true {
            // An await costs even where nothing is waited for: without one as long as there are commands.
            var next = worker.next ?? self.takeNext()
            worker.next = nil
            if next == nil { next = await self.nextWork() }
            guard let work = next else { break }
            // Some time may have passed since it was taken.
            if work.slot.isGone.load(ordering: .acquiring) {
                self.dispatcher.withLock { $0.abandoned(work) }
                continue
            }
            let now = self.clock.wall()
            await self.execute(work, at: now, on: worker)
            // From here on the work may be with another thread.
            if worker.next != nil { continue }
            if let thread = LaneThread.current { self.endBatch(of: thread) }
            if Self.isSpent(worker) { break }
            if self.executor.hasBacklog || worker.isToStepBack(at: now) { await Task.yield() }
        }
        self.workers.withLock { $0.removeAll { $0 === worker } }
        let isRetired = worker.current.withLock { $0.isAbandoned }
        if !isRetired { self.dispatcher.withLock { $0.workers -= 1 } }
        self.executor.nudge()
    }

    /// A cancelled task stays cancelled: the next handler must not inherit that.
    private static func isSpent(_ worker: Worker) -> Bool {
        worker.isSpent || withUnsafeCurrentTask { $0?.isCancelled ?? false }
    }

    /// Whether a worker whose command was successful may take another one at once.
    func mayGoOn(_ worker: Worker, after work: Work) -> Bool {
        !Self.isSpent(worker) && !self.executor.hasBacklog && !worker.isDueToStepBack(at: work.startedAt)
    }

    /// The next command for a worker that is at work already, if there is one.
    func takeNext() -> Work? {
        self.dispatcher.withLock { $0.take() }
    }

    /// Waits for a command; nil when there will be none.
    private func nextWork() async -> Work? {
        await withUnsafeContinuation { continuation in
            let (work, isOver) = self.dispatcher.withLock { dispatcher -> (Work?, Bool) in
                guard dispatcher.phase != .stopped else { return (nil, true) }
                if let work = dispatcher.take() { return (work, false) }
                dispatcher.idle.append(continuation)
                return (nil, false)
            }
            if work != nil || isOver { continuation.resume(returning: work) }
        }
    }

    // MARK: - One attempt

    private func execute(_ work: Work, at now: Int64, on worker: Worker) async {
        work.startedAt = now
        var preparation = self.prepare(work, now: now)
        var command: LedgerCommand?
        if let ledger = self.ledger {
            command = self.ledgerCommand(work)
            if let known = command {
                let finding = await ledger.look(known)
                // The database may have been away for long, and the command have expired meanwhile.
                if case .run = preparation {
                    work.startedAt = self.clock.wall()
                    preparation = self.prepare(work, now: work.startedAt)
                }
                switch self.decide(finding, about: work, known, preparation) {
                case .go(let decided): preparation = decided
                case .goUnrecorded(let decided):
                    preparation = decided
                    command = nil
                    self.logger.warning(
                        "a record that is no readable command has the id of another one: it is parked, not recorded",
                        metadata: ["command.id": "\(known.envelope.id)", "origin": "\(known.origin)"])
                case .resume(let progress): return await self.resume(work, progress, command: known, on: worker)
                case .leave: return self.dispatcher.withLock { $0.abandoned(work) }
                }
            }
        }
        switch preparation {
        case .end(let disposition):
            work.finishedAt = work.startedAt
            await self.finish(work, disposition, command: command, scope: nil, wasTried: false, on: worker)
        case .run(let entry):
            let slot = work.slot
            guard let envelope = work.envelope else { return self.dispatcher.withLock { $0.abandoned(work) } }
            if let gate = slot.domain.gate(of: entry.type), !self.admit(work, by: gate) { return }
            work.attempt += 1
            work.attemptsHere += 1
            let scope = command.flatMap { self.ledger?.scope(of: $0) }
            let monotonic = self.clock.monotonic()
            worker.begin(work, at: monotonic, deadline: monotonic + entry.policy.timeout.wholeMicroseconds)
            let context = CommandContext(
                envelope: envelope, surroundings: slot.surroundings, attempt: work.attempt,
                maxAttempts: entry.policy.retry.attempts, deadline: .now + entry.policy.timeout, database: scope)
            let result: Result<[UInt8], any Error>
            do {
                result = .success(
                    self.isTracing
                        ? try await self.traced(work, envelope) { try await entry.run(context, self.reader.limits) }
                        : try await entry.run(context, self.reader.limits))
            } catch {
                result = .failure(error)
            }
            let (isOurs, wasCancelled) = worker.end()
            worker.isSpent = wasCancelled
            // The watchdog has settled the attempt: what came of it now is too late.
            guard isOurs else {
                scope?.abandon()
                return
            }
            work.finishedAt = self.clock.wall()
            let judged = self.judge(result, of: work, by: entry, wasCancelled: wasCancelled)
            let disposition = self.leaveGate(work, entry: entry, with: judged)
            if command == nil, self.completeSoon(work, disposition, on: worker) { return }
            await self.finish(work, disposition, command: command, scope: scope, wasTried: true, on: worker)
        }
    }

    enum Preparation {
        /// By the handler; the work's envelope is there.
        case run(HandlerEntry)
        case end(Disposition)
    }

    /// Reads the envelope and finds the handler; says what becomes of a command that is not to run.
    func prepare(_ work: Work, now: Int64) -> Preparation {
        let slot = work.slot
        let domain = slot.domain
        if let poison = work.poison { return .end(.failed(poison)) }
        let envelope: Envelope
        if let known = work.envelope {
            envelope = known
        } else {
            do {
                envelope = try self.reader.read(work.record)
                work.envelope = envelope
                if slot.isRetry {
                    work.attempt = Int(max(0, min(envelope.integer(.attempt) ?? 0, 1_000_000)))
                    work.postponements = Int(max(0, min(envelope.integer(.postponements) ?? 0, 1_000_000)))
                    work.firstFailedAt = envelope.microseconds(.firstFailed) ?? 0
                }
            } catch {
                work.poisonID = error.id
                work.envelope = error.envelope
                let poison = AttemptFailure(failureClass: .poison, code: error.code, message: error.message)
                work.poison = poison
                return .end(.failed(poison))
            }
        }
        guard let (index, entry) = domain.registry.find(envelope) else {
            return .end(
                .failed(
                    AttemptFailure(
                        failureClass: .unhandled, code: "NO_HANDLER",
                        message: "no handler is registered for the command type in the domain \(domain.names)")))
        }
        work.entryIndex = index
        work.isStrict = entry.policy.strictOrder
        if let memo = work.memo {
            work.memo = nil
            work.attempt = memo.attempts
            if memo.due > now / 1000 { return .end(.postponedInPlace(delay: memo.due - now / 1000)) }
        }
        if work.attempt == 0 {
            if let expiry = envelope.microseconds(.expirytime), expiry <= now {
                return .end(
                    .failed(
                        AttemptFailure(
                            failureClass: .expired, code: "EXPIRED",
                            message: "expirytime had passed before the first attempt")))
            }
            if let start = envelope.microseconds(.notbefore), start > now {
                // Rounded up: never early.
                let delay = (start - now + 999) / 1000
                // In place, where order is strict: by way of a topic the key's later commands would overtake it.
                guard !work.isStrict, let tier = domain.tier(forMilliseconds: delay) else {
                    let isNews = work.postponements == 0
                    return .end(isNews ? .scheduledInPlace(delay: delay) : .postponedInPlace(delay: delay))
                }
                return .end(.postponedTopic(tier, due: min((start + 999) / 1000, now / 1000 + tier.milliseconds)))
            }
        }
        return .run(entry)
    }

    /// What follows from an attempt's result, by the policy.
    func judge(
        _ result: Result<[UInt8], any Error>, of work: Work, by entry: HandlerEntry, wasCancelled: Bool
    ) -> Disposition {
        let failure: AttemptFailure
        switch result {
        case .success(let output): return .succeeded(output: output)
        case .failure(let error as CommandError):
            // A code becomes a header, and one that is too large would make the worker's own retry record poison.
            failure = AttemptFailure(
                failureClass: error.failureClass, code: error.code.cut(toBytes: AttemptFailure.codeLimit),
                message: error.message.cut(toBytes: AttemptFailure.messageLimit), problems: error.problems,
                retryAfter: error.retryAfter)
        case .failure(let error as PoisonReason):
            failure = AttemptFailure(failureClass: .poison, code: error.code, message: error.message)
        case .failure(let error as DatabaseError):
            // Without values: names of constraints at most.
            failure = AttemptFailure(
                failureClass: .transient, code: error.constraint == nil ? "DATABASE_ERROR" : "CONSTRAINT_VIOLATED",
                message: error.description.cut(toBytes: AttemptFailure.messageLimit))
        case .failure(is CancellationError) where !wasCancelled:
            failure = AttemptFailure(failureClass: .transient, code: "CANCELLED", message: "the handler was cancelled")
        case .failure(let error):
            // The error's own text may hold data; its type does not.
            failure = AttemptFailure(
                failureClass: .transient, code: "UNKNOWN_ERROR",
                message: "the handler threw an error of the type \(type(of: error))")
        }
        let policy = entry.policy
        if wasCancelled, failure.failureClass == .transient { return self.retry(work, Self.timedOut(policy), policy) }
        return failure.failureClass == .transient ? self.retry(work, failure, policy) : .failed(failure)
    }

    static func timedOut(_ policy: CommandPolicy) -> AttemptFailure {
        AttemptFailure(
            failureClass: .transient, code: "TIMEOUT",
            message:
                "the handler ran past its timeout of \(DurationText.text(milliseconds: policy.timeout.wholeMilliseconds))"
        )
    }

    /// Another attempt, in place or by a retry topic, or the end when the attempts are used up.
    func retry(_ work: Work, _ failure: AttemptFailure, _ policy: CommandPolicy) -> Disposition {
        guard work.attempt < policy.retry.attempts else {
            var exhausted = failure
            exhausted.failureClass = .exhausted
            return .failed(exhausted)
        }
        let delay =
            failure.retryAfter?.wholeMilliseconds
            ?? policy.retry.delayMilliseconds(afterAttempt: work.attempt, unit: Double.random(in: 0..<1))
        guard !policy.strictOrder, let tier = work.slot.domain.tier(forMilliseconds: delay) else {
            return .retryInPlace(failure, delay: max(0, delay))
        }
        return .retryTopic(failure, tier, due: (work.finishedAt + 999) / 1000 + delay)
    }
}

extension Work {
    /// Where the command was first read: what the retry record says, or the record's own place.
    var origin: RecordOrigin {
        if self.slot.isRetry, let text = self.envelope?.text(.origin), let origin = RecordOrigin(text) { return origin }
        let partition = self.slot.partition
        return RecordOrigin(topic: partition.topic, partition: partition.partition, offset: self.offset)
    }
}
