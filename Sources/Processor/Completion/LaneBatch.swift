import Commands
import Synchronization

/// A command that its handler has finished, and whose events are yet to be sent.
struct Success {
    enum Fate {
        case open
        /// The partition went to another member, or was given up: whoever owns it now settles the command.
        case gone
        /// The producer had no room.
        case left
    }

    let work: Work
    let output: [UInt8]
    var fate = Fate.open
}

/// The events of a success, written and not yet queued; its memory is used again.
struct SuccessDraft {
    /// For the results topic, and for the one on which the command wants its reply.
    var result = OutgoingRecord()
    var audit = OutgoingRecord()
}

/// What a lane thread that goes from one short command to the next does for several of them together: their events are
/// sent, and the commands that follow are taken.
///
/// Between its record and its acknowledgement a command runs through several times the code that a core's instruction
/// cache holds. To write the events of some commands, then to queue them all, then to settle them all fetches that code
/// once for all of them; and what all threads share goes less often from one core's cache to another's.
///
/// Nobody waits for long because of it: what is held here is sent, and given back, as soon as the thread has nothing to
/// run, as soon as a task suspends on it, and, should a handler block the thread, by the intake thread.
///
/// `@unchecked Sendable`: `drafts` and `spare` are used by the thread alone.
final class LaneBatch: @unchecked Sendable {
    struct Contents {
        /// Yet to be sent.
        var successes: [Success] = []
        /// Taken, counted as running, and yet to be run; the next one last.
        var upcoming: [Work] = []
        /// When the last success was finished, Unix microseconds.
        var changedAt: Int64 = 0

        var isEmpty: Bool { self.successes.isEmpty && self.upcoming.isEmpty }
    }

    /// So many are done together; more gain nothing.
    static let most = 8
    /// A handler that took longer ends the batch, in microseconds.
    static let short: Int64 = 100
    /// After so long without a change, in microseconds, the intake thread ends the batch when it comes by.
    static let patience: Int64 = 5_000

    private let contents = Mutex(Contents())
    private var spare = Contents()
    private var drafts: [SuccessDraft] = []

    var isEmpty: Bool { self.contents.withLock { $0.isEmpty } }

    /// For a look from any thread.
    func read(_ body: (borrowing Contents) -> Void) { self.contents.withLock { body($0) } }

    /// - Parameter goingOn: Whether the next command is wanted, as long as the batch has room for its success.
    func add(_ success: Success, goingOn: Bool) -> Work? {
        self.contents.withLock { contents in
            contents.changedAt = success.work.finishedAt
            contents.successes.append(success)
            return goingOn && contents.successes.count < Self.most ? contents.upcoming.popLast() : nil
        }
    }

    /// On the thread itself, after it has taken everything.
    func setUpcoming(_ works: inout [Work], at now: Int64) {
        self.contents.withLock { contents in
            contents.changedAt = now
            swap(&contents.upcoming, &works)
        }
    }

    /// Hands over everything, with a draft for each success; on the thread itself.
    func takeAll(_ body: (inout Contents, inout [SuccessDraft]) -> Void) {
        var (taken, drafts) = (Contents(), [SuccessDraft]())
        swap(&taken, &self.spare)
        swap(&drafts, &self.drafts)
        self.contents.withLock { swap(&taken, &$0) }
        if !taken.isEmpty {
            while drafts.count < taken.successes.count { drafts.append(SuccessDraft()) }
            body(&taken, &drafts)
            taken.successes.removeAll(keepingCapacity: true)
            taken.upcoming.removeAll(keepingCapacity: true)
        }
        swap(&taken, &self.spare)
        swap(&drafts, &self.drafts)
    }

    /// Takes what the thread does not come to do; from any thread.
    ///
    /// - Parameters:
    ///   - now: Unix microseconds.
    ///   - isLeft: Set when there is something that has not been there for long.
    func takeOverdue(now: Int64, isLeft: inout Bool) -> Contents {
        self.contents.withLock { contents in
            guard !contents.isEmpty else { return Contents() }
            guard abs(now - contents.changedAt) >= Self.patience else {
                isLeft = true
                return Contents()
            }
            defer { contents = Contents() }
            return contents
        }
    }
}

extension Engine {
    /// Completes a command that its handler has finished: at once, or together with those that follow it on its thread.
    ///
    /// - Returns: False when it is no success.
    func completeSoon(_ work: Work, _ disposition: Disposition, on worker: Worker) -> Bool {
        guard case .succeeded(let output) = disposition, let thread = LaneThread.current else { return false }
        let mayGoOn = self.mayGoOn(worker, after: work)
        let isShort = work.finishedAt - work.startedAt < LaneBatch.short
        let next = thread.batch.add(Success(work: work, output: output), goingOn: mayGoOn && isShort)
        // From here on the work may be with another thread.
        if let next { worker.next = next } else { self.endBatch(of: thread, goingOn: mayGoOn ? worker : nil, isShort) }
        return true
    }

    /// Does what is left to do of the calling thread's batch.
    ///
    /// - Parameters:
    ///   - worker: Gets its next command by the same lock: most of what it costs is to take it.
    ///   - isShort: Whether commands are short, so that more of them may be taken at once.
    func endBatch(of thread: LaneThread, goingOn worker: Worker? = nil, _ isShort: Bool = false) {
        thread.batch.takeAll { batch, drafts in
            let hasFreed = batch.successes.count + batch.upcoming.count > 1
            let wanted = worker == nil ? 0 : isShort ? LaneBatch.most : 1
            let (next, hasReady) = self.end(&batch, &drafts, taking: wanted)
            // Another thread may have found nothing while this one held them.
            if hasFreed, hasReady { self.executor.nudge() }
            worker?.next = next
            if !batch.upcoming.isEmpty { thread.batch.setUpcoming(&batch.upcoming, at: batch.changedAt) }
        }
    }

    /// Does what a handler that blocks its thread holds up.
    ///
    /// - Returns: Whether there is more, which has not been held for long.
    func endOverdueBatches(now: Int64) -> Bool {
        var isLeft = false
        for thread in self.executor.threads {
            var batch = thread.batch.takeOverdue(now: now, isLeft: &isLeft)
            guard !batch.isEmpty else { continue }
            var drafts = batch.successes.map { _ in SuccessDraft() }
            _ = self.end(&batch, &drafts, taking: 0)
            self.executor.nudge(another: true)
        }
        return isLeft
    }

    /// Sends and settles what the batch holds, and gives back what it had taken.
    ///
    /// - Parameter most: So many commands are taken anew by the same lock, at most: the next one, and others after it.
    /// - Returns: The next one, and whether there are more for others.
    private func end(
        _ batch: inout LaneBatch.Contents, _ drafts: inout [SuccessDraft], taking most: Int
    ) -> (next: Work?, hasReady: Bool) {
        self.send(&batch.successes, &drafts)
        let result = self.dispatcher.withLock { dispatcher -> (Work?, Bool) in
            dispatcher.settle(batch)
            batch.upcoming.removeAll(keepingCapacity: true)
            let next = most > 0 ? dispatcher.take() : nil
            if most > 1 { dispatcher.take(most - 1, into: &batch.upcoming) }
            return (next, !dispatcher.ready.isEmpty)
        }
        self.letGo(batch.successes)
        return result
    }

    /// Sends the events of successes, as far as the producer has room.
    private func send(_ successes: inout [Success], _ drafts: inout [SuccessDraft]) {
        for index in successes.indices {
            if successes[index].work.slot.isGone.load(ordering: .acquiring) {
                successes[index].fate = .gone
            } else {
                self.write(successes[index].work, successes[index].output, into: &drafts[index])
            }
        }
        for index in successes.indices where successes[index].fate == .open {
            if !self.offer(&drafts[index], of: successes[index].work) { successes[index].fate = .left }
        }
        for success in successes where success.fate == .open {
            self.count(success.work, .succeeded(output: success.output))
            success.work.letGoOfRecord()
        }
    }

    /// Leaves successes to their acknowledgement, or to a task that waits until the producer has room.
    private func letGo(_ successes: [Success]) {
        for success in successes {
            switch success.fate {
            case .open: self.releaseHold(success.work)
            case .gone: break
            case .left:
                // Each for itself: one topic may be missing for long.
                Task(executorPreference: self.executor) {
                    await self.complete(success.work, .succeeded(output: success.output), on: Worker())
                }
            }
        }
    }

    private func write(_ work: Work, _ output: [UInt8], into draft: inout SuccessDraft) {
        let (writer, headers) = (self.writer, work.slot.domain.headers)
        work.withEnvelopeBytes { command in
            writer.result(work, command, headers, output: output, into: &draft.result)
            writer.audit(work, command, headers, .succeeded, failure: nil, into: &draft.audit)
        }
    }

    /// Queues those of a success's events that have not been sent, as long as the producer has room.
    ///
    /// - Returns: Whether that was all of them.
    private func offer(_ draft: inout SuccessDraft, of work: Work) -> Bool {
        let (sink, domain) = (self.sink, work.slot.domain)
        if work.unsent == .result {
            guard self.offer(&draft.result, on: sink, to: domain.resultsTopic, for: work) else { return false }
            work.unsent = .reply
        }
        if work.unsent == .reply {
            if let topic = self.replyTopic(of: work) {
                guard self.offer(&draft.result, on: sink, to: topic, for: work) else { return false }
            }
            work.unsent = .audit
        }
        return self.offer(&draft.audit, on: sink, to: domain.auditTopic, for: work)
    }

    /// Sends a success's events, however long the producer has no room.
    func succeed(_ work: Work, output: [UInt8]) async {
        var draft = SuccessDraft()
        self.write(work, output, into: &draft)
        while !self.offer(&draft, of: work) { await Self.pause(milliseconds: 2) }
    }
}

extension Dispatcher {
    /// Settles what was sent, and takes back what was not run.
    fileprivate mutating func settle(_ batch: borrowing LaneBatch.Contents) {
        for index in batch.successes.indices {
            switch batch.successes[index].fate {
            case .open: self.settled(batch.successes[index].work, plainSuccess: true)
            case .gone: self.abandoned(batch.successes[index].work)
            case .left: break
            }
        }
        for work in batch.upcoming { self.giveBack(work) }
    }
}
