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

/// Successes of one lane thread whose events are sent together.
///
/// Between its record and its acknowledgement a command runs through several times the code that a core's instruction
/// cache holds. To write the events of some commands, then to queue them all, then to settle them all fetches that code
/// once for all of them. A success waits only while the thread goes from one short command to the next: it is sent as
/// soon as the thread has nothing to run, as soon as a task suspends on it, and, should a handler block the thread, by
/// the intake thread.
///
/// `@unchecked Sendable`: `drafts` and `spare` are used by the thread alone.
final class Successes: @unchecked Sendable {
    /// So many are sent at once; more gain nothing.
    static let most = 8
    /// A handler that took longer has its success sent at once, in microseconds.
    static let short: Int64 = 100
    /// For how long one waits at most behind a handler that blocks the thread, in microseconds.
    static let patience: Int64 = 5_000

    private let waiting = Mutex<[Success]>([])
    private var drafts: [SuccessDraft] = []
    private var spare: [Success] = []

    var count: Int { self.waiting.withLock { $0.count } }

    /// - Returns: How many wait now.
    func add(_ success: Success) -> Int {
        self.waiting.withLock { waiting in
            waiting.append(success)
            return waiting.count
        }
    }

    /// Hands over those that wait, with a draft for each; on the thread itself.
    func takeAll(_ body: (inout [Success], inout [SuccessDraft]) -> Void) {
        var (taken, drafts): ([Success], [SuccessDraft]) = ([], [])
        swap(&taken, &self.spare)
        self.waiting.withLock { swap(&taken, &$0) }
        if !taken.isEmpty {
            swap(&drafts, &self.drafts)
            while drafts.count < taken.count { drafts.append(SuccessDraft()) }
            body(&taken, &drafts)
            taken.removeAll(keepingCapacity: true)
            swap(&drafts, &self.drafts)
        }
        swap(&taken, &self.spare)
    }

    /// Takes what the thread does not come to send; from any thread.
    ///
    /// - Parameters:
    ///   - now: Unix microseconds.
    ///   - isLeft: Set when what waits has not waited for long.
    func takeOverdue(now: Int64, isLeft: inout Bool) -> [Success] {
        self.waiting.withLock { waiting in
            guard let first = waiting.first else { return [] }
            guard abs(now - first.work.finishedAt) >= Self.patience else {
                isLeft = true
                return []
            }
            defer { waiting = [] }
            return waiting
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
        let isShort = work.finishedAt - work.startedAt < Successes.short
        let count = thread.successes.add(Success(work: work, output: output))
        // From here on the work may be with another thread.
        if mayGoOn, isShort, count < Successes.most, let next = self.takeNext() {
            worker.next = next
        } else {
            self.sendSuccesses(of: thread, goingOn: mayGoOn ? worker : nil)
        }
        return true
    }

    /// Sends what waits for it on the calling thread, which is the given one.
    func sendSuccesses(of thread: LaneThread, goingOn worker: Worker? = nil) {
        thread.successes.takeAll { self.send(&$0, &$1, goingOn: worker) }
    }

    /// Sends what waits behind a handler that blocks its thread.
    ///
    /// - Returns: Whether there is more, which has not waited for long.
    func sendOverdueSuccesses(now: Int64) -> Bool {
        var isLeft = false
        for thread in self.executor.threads {
            var overdue = thread.successes.takeOverdue(now: now, isLeft: &isLeft)
            guard !overdue.isEmpty else { continue }
            var drafts = overdue.map { _ in SuccessDraft() }
            self.send(&overdue, &drafts, goingOn: nil)
        }
        return isLeft
    }

    /// - Parameter worker: Gets its next command by the same lock: most of what it costs is to take it.
    private func send(_ successes: inout [Success], _ drafts: inout [SuccessDraft], goingOn worker: Worker?) {
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
        let next = self.dispatcher.withLock { dispatcher in
            for success in successes {
                switch success.fate {
                case .open: dispatcher.settled(success.work, plainSuccess: true)
                case .gone: dispatcher.abandoned(success.work)
                case .left: break
                }
            }
            return worker == nil ? nil : dispatcher.take()
        }
        worker?.next = next
        for success in successes where success.fate == .open { self.releaseHold(success.work) }
        let left = successes.filter { $0.fate == .left }
        guard !left.isEmpty else { return }
        Task(executorPreference: self.executor) {
            for success in left {
                await self.complete(success.work, .succeeded(output: success.output), on: Worker())
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
