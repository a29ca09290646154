import Commands

/// What remembers finished commands, so that none has its effect twice: a database.
///
/// A command is looked up before it runs, and its outcome is recorded before any event of it is sent. The events follow
/// from the record: should the worker end between the two, the command comes again, since its offset is not committed,
/// and ``look(_:)`` answers with the outcome to send.
package protocol CommandLedger: AnyObject, Sendable {
    /// Takes partitions on, and so shuts their earlier owners out; returns an epoch for each. Blocks.
    func own(_ partitions: [TopicPartition]) throws -> [Int64]
    /// What is known of a command that is about to run. Waits as long as the database cannot be reached, until `isOver`.
    func look(_ command: LedgerCommand) async -> LedgerFinding
    /// The database as the handler of one attempt sees it.
    func scope(of command: LedgerCommand) -> any LedgerScope
    /// Records how an attempt ended, together with what its handler wrote within the scope.
    func record(_ entry: LedgerEntry, in scope: (any LedgerScope)?) async -> LedgerVerdict
    /// Lets go of everything. Blocks.
    func close()
}

/// One attempt's share of the database.
package protocol LedgerScope: CommandDatabase {
    /// The attempt is given up, or did not come to a good end: what its handler wrote is undone.
    func abandon()
}

/// A command on its way to be run.
package struct LedgerCommand: Sendable {
    package let domain: String
    package let envelope: Envelope
    /// The partition it came from, and the epoch in which the worker owns it.
    package let partition: TopicPartition
    package let epoch: Int64
    /// Where it was first read.
    package let origin: RecordOrigin
    /// How often it was taken from the dead letters and sent again.
    package let replays: Int
    /// Whether the worker goes on waiting for an answer.
    package let isOver: @Sendable () -> Bool

    package init(
        domain: String, envelope: Envelope, partition: TopicPartition, epoch: Int64, origin: RecordOrigin,
        replays: Int, isOver: @escaping @Sendable () -> Bool
    ) {
        self.domain = domain
        self.envelope = envelope
        self.partition = partition
        self.epoch = epoch
        self.origin = origin
        self.replays = replays
        self.isOver = isOver
    }
}

/// What is known of a command that is about to run.
package enum LedgerFinding: Sendable {
    case fresh
    /// It was tried or put off, by this record or by another one, and has no outcome yet.
    case begun(LedgerProgress)
    /// It has its outcome.
    case finished(LedgerOutcome)
    /// It was cancelled, before it was tried or while this record waited for its next attempt.
    case cancelled(reason: String)
    /// The worker gave up waiting.
    case over
}

/// How far a command has come that has no outcome yet.
package struct LedgerProgress: Sendable {
    /// Attempts that count.
    package var attempts: Int
    /// How the last one failed; nil when there was none.
    package var failure: AttemptFailure?
    /// When the next one is due, and when the last one began; Unix microseconds.
    package var due: Int64
    package var startedAt: Int64
    package var replays: Int
    /// Where the record was read that carries the command on.
    package var origin: RecordOrigin

    package init(
        attempts: Int, failure: AttemptFailure?, due: Int64, startedAt: Int64, replays: Int, origin: RecordOrigin
    ) {
        self.attempts = attempts
        self.failure = failure
        self.due = due
        self.startedAt = startedAt
        self.replays = replays
        self.origin = origin
    }
}

/// A command's first outcome.
package struct LedgerOutcome: Sendable {
    package var failure: AttemptFailure?
    package var output: [UInt8]
    package var attempts: Int
    /// Unix microseconds.
    package var startedAt: Int64
    package var finishedAt: Int64
    package var isDeadLettered: Bool
    /// Where the record was read that had the outcome.
    package var origin: RecordOrigin

    package init(
        failure: AttemptFailure?, output: [UInt8], attempts: Int, startedAt: Int64, finishedAt: Int64,
        isDeadLettered: Bool, origin: RecordOrigin
    ) {
        self.failure = failure
        self.output = output
        self.attempts = attempts
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.isDeadLettered = isDeadLettered
        self.origin = origin
    }
}

/// How an attempt ended, as it is recorded.
package struct LedgerEntry: Sendable {
    package enum State: String, Sendable { case retrying, scheduled, succeeded, failed, cancelled, expired }

    package let command: LedgerCommand
    package let state: State
    package let failure: AttemptFailure?
    package let output: [UInt8]
    /// Attempts that count, this one included if it does.
    package let attempt: Int
    package let worker: String
    /// Unix microseconds.
    package let receivedAt: Int64
    package let startedAt: Int64
    package let finishedAt: Int64
    /// When the next attempt is to begin, Unix microseconds; nil when there is none, or nobody knows.
    package let due: Int64?

    package init(
        command: LedgerCommand, state: State, failure: AttemptFailure?, output: [UInt8], attempt: Int, worker: String,
        receivedAt: Int64, startedAt: Int64, finishedAt: Int64, due: Int64? = nil
    ) {
        self.command = command
        self.state = state
        self.failure = failure
        self.output = output
        self.attempt = attempt
        self.worker = worker
        self.receivedAt = receivedAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.due = due
    }

    /// Whether the command has its outcome with it.
    package var isFinal: Bool {
        switch self.state {
        case .retrying, .scheduled: false
        case .succeeded, .failed, .cancelled, .expired: true
        }
    }
}

package enum LedgerVerdict: Sendable {
    case recorded
    /// Somebody else came first; nothing of this attempt is kept.
    case repeated(LedgerOutcome)
    /// Nothing of this attempt is kept, through no fault of the command: it is to run again.
    case undone(reason: String)
    /// Nothing of this attempt is kept, through the handler's fault: the attempt counts as failed.
    case refused(AttemptFailure)
    /// The partition has another owner, of this name: nothing of this attempt is kept, nor of any other one of it.
    case fenced(by: String)
    /// The worker gave up waiting: nothing of this attempt is kept.
    case over
}
