import Commands
import Foundation
import Logging
import Synchronization

extension Engine {
    /// Sends what follows from the attempt, and lets the lane go on.
    func complete(_ work: Work, _ disposition: Disposition, on worker: Worker) async {
        // The partition went to another member, or was given up: whoever owns it now settles the command.
        if work.slot.isGone.load(ordering: .acquiring) {
            self.dispatcher.withLock { $0.abandoned(work) }
            return
        }
        switch disposition {
        case .succeeded(let output):
            await self.succeed(work, output: output)
            self.settle(work, disposition, plainSuccess: true)
        case .failed(let failure):
            guard await self.waitForLane(work) else { return }
            await self.fail(work, failure, on: worker)
            self.settle(work, disposition, plainSuccess: false)
        case .retryInPlace(let failure, let delay):
            self.note(failure, of: work)
            await self.sendAudit(work, .retried, failure: failure, on: worker)
            self.waitInPlace(work, disposition, milliseconds: delay)
        case .retryTopic(let failure, let tier, let due):
            self.note(failure, of: work)
            guard await self.waitForLane(work) else { return }
            await self.sendAudit(work, .retried, failure: failure, on: worker)
            self.writer.retry(work, due: due, into: &worker.draft)
            await self.send(
                worker, to: work.slot.domain.names.retryTopic(tier), partition: work.record.partition, for: work)
            self.settle(work, disposition, plainSuccess: false)
        case .heldBack(let failure):
            self.note(failure, of: work)
            await self.sendAudit(work, .retried, failure: failure, on: worker)
            // The attempt told of the world's state, not of the command's: it does not count.
            work.attempt -= 1
            work.heldBack += 1
            self.count(work, disposition)
            self.dispatcher.withLock { $0.holdBack(work) }
        case .repeated(let outcome):
            guard await self.waitForLane(work) else { return }
            await self.sendAgain(work, outcome, on: worker)
            self.settle(work, disposition, plainSuccess: false)
        case .doubled:
            guard await self.waitForLane(work) else { return }
            await self.sendAudit(work, .duplicate, failure: nil, on: worker)
            self.settle(work, disposition, plainSuccess: false)
        case .postponedInPlace(let delay):
            self.waitInPlace(work, disposition, milliseconds: delay)
        case .scheduledInPlace(let delay):
            work.postponements += 1
            await self.sendAudit(work, .scheduled, failure: nil, on: worker)
            self.waitInPlace(work, disposition, milliseconds: delay)
        case .postponedTopic(let tier, let due):
            guard await self.waitForLane(work) else { return }
            work.postponements += 1
            await self.sendAudit(work, .scheduled, failure: nil, on: worker)
            self.writer.retry(work, due: due, into: &worker.draft)
            await self.send(
                worker, to: work.slot.domain.names.retryTopic(tier), partition: work.record.partition, for: work)
            self.settle(work, disposition, plainSuccess: false)
        }
    }

    /// Called before the work is let go of: from then on it may be with another thread.
    func count(_ work: Work, _ disposition: Disposition) {
        self.counters.completed(disposition)
        self.metrics.completed(work, disposition)
    }

    private func fail(_ work: Work, _ failure: AttemptFailure, on worker: Worker) async {
        self.note(failure, of: work)
        if work.envelope != nil || work.poisonID != nil {
            self.writer.failure(work, failure, into: &worker.draft)
            await self.send(worker, to: work.slot.domain.failuresTopic, for: work)
            if let topic = self.replyTopic(of: work) { await self.send(worker, to: topic, for: work) }
        }
        let event: AuditEvent =
            switch failure.failureClass {
            case .expired: .expired
            case .cancelled: .cancelled
            default: .failed
            }
        await self.sendAudit(work, event, failure: failure, on: worker)
        guard failure.failureClass.isDeadLettered else { return }
        self.writer.deadLetter(work, failure, into: &worker.draft)
        await self.send(
            worker, to: work.slot.domain.deadLetterTopic, partition: work.origin.partition, for: work)
        await self.sendAudit(work, .deadlettered, failure: failure, on: worker)
    }

    /// Sends a finished command's outcome again. The first time, when nothing tells that it ever left, all of it goes out.
    private func sendAgain(_ work: Work, _ outcome: LedgerOutcome, on worker: Worker) async {
        work.attempt = outcome.attempts
        let startedAt = work.startedAt
        work.startedAt = outcome.startedAt
        work.finishedAt = outcome.finishedAt
        let isSameRecord = work.origin == outcome.origin
        if let failure = outcome.failure {
            if isSameRecord {
                await self.fail(work, failure, on: worker)
            } else {
                self.writer.failure(work, failure, into: &worker.draft)
                await self.send(worker, to: work.slot.domain.failuresTopic, for: work)
                if let topic = self.replyTopic(of: work) { await self.send(worker, to: topic, for: work) }
            }
        } else {
            work.withEnvelopeBytes {
                self.writer.result(
                    work, $0, work.slot.domain.headers, output: outcome.output, into: &worker.draft)
            }
            await self.send(worker, to: work.slot.domain.resultsTopic, for: work)
            if let topic = self.replyTopic(of: work) { await self.send(worker, to: topic, for: work) }
            if isSameRecord { await self.sendAudit(work, .succeeded, failure: nil, on: worker) }
        }
        work.startedAt = startedAt
        work.finishedAt = self.clock.wall()
        await self.sendAudit(work, .duplicate, failure: nil, on: worker)
    }

    private func sendAudit(_ work: Work, _ event: AuditEvent, failure: AttemptFailure?, on worker: Worker) async {
        self.writer.audit(work, event, failure: failure, into: &worker.draft)
        await self.send(worker, to: work.slot.domain.auditTopic, for: work)
    }

    private func note(_ failure: AttemptFailure, of work: Work) {
        work.lastFailure = failure
        if work.firstFailedAt == 0 { work.firstFailedAt = work.finishedAt }
    }

    /// The topic that `replyto` names, if the worker is allowed to write there.
    func replyTopic(of work: Work) -> String? {
        guard !self.settings.replyTopics.isEmpty, let topic = work.envelope?.text(.replyto),
            self.settings.replyTopics.contains(topic)
        else { return nil }
        return topic
    }

    // MARK: - Sending

    /// Queues the worker's draft; waits while the producer has no room.
    private func send(_ worker: Worker, to topic: String, partition: Int32 = -1, for work: Work) async {
        while !self.offer(&worker.draft, on: self.sink, to: topic, partition: partition, for: work) {
            await Self.pause(milliseconds: 2)
        }
    }

    /// Queues the draft; false when the producer has no room.
    func offer(
        _ draft: inout OutgoingRecord, on sink: any EventSink, to topic: String, partition: Int32 = -1, for work: Work
    ) -> Bool {
        work.pendingAcks.add(1, ordering: .relaxed)
        while true {
            switch sink.send(draft, to: topic, partition: partition, for: work) {
            case .accepted: return true
            case .full:
                // Not the last one: the command's own hold remains.
                work.pendingAcks.subtract(1, ordering: .relaxed)
                return false
            case .refused(let failure):
                // A command or a dead letter is never cut: its offset is held instead.
                let domain = work.slot.domain
                let isOutcome = topic != domain.deadLetterTopic && !domain.inputTopics.contains(topic)
                guard failure.kind == .tooLarge, isOutcome, draft.truncateValue() else {
                    self.cannotSend(work, topic: topic, failure, id: work.envelope?.id)
                    return true
                }
                self.logger.warning(
                    "an outcome is too large: a note of its size goes out instead",
                    metadata: ["topic": "\(topic)", "command.id": "\(work.envelope?.id ?? "")"])
            }
        }
    }

    /// A record that no try can deliver: the command's offset is held, so that nothing is lost and somebody looks.
    ///
    /// - Parameter id: The command's, as far as it is known.
    func cannotSend(_ work: Work, topic: String, _ failure: DeliveryFailure, id: String?) {
        // Dropped because the engine ends: the command runs again elsewhere.
        guard failure.kind != .dropped else { return }
        let (waiter, hasReady) = self.dispatcher.withLock { ($0.stuck(work), !$0.ready.isEmpty) }
        waiter?.resume()
        if hasReady { self.executor.nudge() }
        self.logger.error(
            "an outcome cannot be written: the offset is held until somebody mends it",
            metadata: [
                "topic": "\(topic)", "command.id": "\(id ?? "")", "record": "\(work.slot.partition)/\(work.offset)",
                "error": "\(failure)",
            ])
    }

    /// A pause that does not end early when the task is cancelled.
    static func pause(milliseconds: Int) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { continuation.resume() }
        }
    }

    // MARK: - The lane

    /// Waits until the lane's earlier outcomes are stored: see ``Lane/isBarred``.
    ///
    /// - Returns: False when the partition was lost meanwhile, and the command with it: its new owner runs it, so that
    ///   a retry sent from here would be an attempt too many.
    private func waitForLane(_ work: Work) async -> Bool {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isClear = self.dispatcher.withLock { _ in
                guard let lane = work.lane, lane.unacknowledged > 0 else { return true }
                lane.settleWaiter = continuation
                return false
            }
            if isClear { continuation.resume() }
        }
        guard work.slot.isGone.load(ordering: .acquiring) else { return true }
        self.dispatcher.withLock { $0.abandoned(work) }
        return false
    }

    private func settle(_ work: Work, _ disposition: Disposition, plainSuccess: Bool) {
        self.count(work, disposition)
        work.letGoOfRecord()
        self.dispatcher.withLock { $0.settled(work, plainSuccess: plainSuccess) }
        self.releaseHold(work)
    }

    /// Lets go of the hold that a command has on itself until its outcome is sent.
    func releaseHold(_ work: Work) {
        if work.pendingAcks.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { self.acknowledge([work]) }
    }

    private func waitInPlace(_ work: Work, _ disposition: Disposition, milliseconds: Int64) {
        self.count(work, disposition)
        work.due = self.clock.monotonic() + max(1, milliseconds) * 1000
        let memo =
            work.isStrict && work.attempt > 0
            ? RetryMemo(attempts: work.attempt, due: self.clock.wall() / 1000 + max(1, milliseconds)) : nil
        self.dispatcher.withLock { $0.retryInPlace(work, memo: memo) }
        self.source.wake()
    }

    /// A command that was tried here and cannot wait here any longer, because its partition or the worker goes away:
    /// it goes to the shortest retry topic with the time it was to wait until. Called on the intake thread.
    ///
    /// - Returns: False when the producer has no room now.
    func parkForRetry(_ work: Work) -> Bool {
        let left = max(0, (work.due - self.clock.monotonic()) / 1000)
        let due = self.clock.wall() / 1000 + left + 1
        let domain = work.slot.domain
        guard let tier = domain.tiers.first, !work.slot.isGone.load(ordering: .acquiring) else {
            self.dispatcher.withLock { $0.drop(work) }
            return true
        }
        var draft = OutgoingRecord()
        self.writer.retry(work, due: due, into: &draft)
        work.pendingAcks.add(1, ordering: .relaxed)
        let topic = domain.names.retryTopic(tier)
        switch self.sink.send(draft, to: topic, partition: work.record.partition, for: work) {
        case .accepted: break
        case .full:
            // Not the last one: the command's own hold remains.
            work.pendingAcks.subtract(1, ordering: .relaxed)
            return false
        case .refused(let failure): self.cannotSend(work, topic: topic, failure, id: work.envelope?.id)
        }
        self.dispatcher.withLock { $0.settled(work, plainSuccess: false, wasRunning: false) }
        self.releaseHold(work)
        return true
    }
}
