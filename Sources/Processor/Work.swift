import Commands
import Synchronization

/// One record on its way through the engine.
///
/// `@unchecked Sendable`: the fields in the first group never change; those in the second belong to the engine's lock;
/// those in the third belong to whoever runs the attempt, one thread of control at a time, handed over through the
/// engine's lock or the executor's queue. Once events are on their way, delivery reports may come on any thread: they
/// touch the first two groups only.
package final class Work: @unchecked Sendable {
    let offset: Int64
    let slot: PartitionSlot
    let bytes: Int
    /// Monotonic and wall time of arrival, microseconds.
    let receivedAt: Int64
    /// Identifies the lane; nil for commands without order.
    let laneID: UInt64?
    /// The partition's, when the record was taken.
    var generation = 0

    // Under the engine's lock.
    /// The lane's next one: of those that wait for their turn, or of those that wait for their acknowledgement.
    var next: Work?
    var lane: Lane?
    var isSettled = false
    /// The broker has everything of its outcome.
    var isAcknowledged = false
    /// A record of its outcome can never be written: it is never acknowledged, and its offset is held.
    var isStuck = false
    /// Whether the command counts as in flight; one that waits for a time or at a gate counts as waiting instead.
    var isInFlight = false
    var isWaiting = false
    /// What an earlier owner of the partition left about the command.
    var memo: RetryMemo?
    /// Counted by its type's gate, from admission to the attempt's end.
    var isAdmitted = false
    /// Its place among those that its type's gate holds back; 0 when it is not among them.
    var ticket: UInt64 = 0
    /// The one command that an outage lets through.
    var isProbe = false

    // With the attempt.
    /// Nil once it has been let go of.
    private var kept: Record?
    var envelope: Envelope?
    /// Its type's place in the registry; -1 before that is known, or when there is no handler.
    var entryIndex = -1
    /// The id of a record that is no readable command otherwise.
    var poisonID: String?
    /// Why the record is no readable command; nil when it is one.
    var poison: AttemptFailure?
    var attempt = 0
    /// Attempts made in this process, after those that the record's headers tell of.
    var attemptsHere = 0
    /// How often its start was put off by way of a retry topic, here and before.
    var postponements = 0
    /// Attempts that an outage made void, here.
    var heldBack = 0
    var startedAt: Int64 = 0
    var finishedAt: Int64 = 0
    var firstFailedAt: Int64 = 0
    /// The type asks for strict order: the command waits for its retries in place, however long.
    var isStrict = false
    var lastFailure: AttemptFailure?
    /// The trace context of this hop's span, when the program has a tracer.
    var traceHeaders: [String: String]?
    /// Monotonic microseconds before which the command is not run (again).
    var due: Int64 = 0
    /// The same by the wall clock, Unix microseconds, where a record says it; 0 otherwise.
    var dueAt: Int64 = 0

    /// The first one of a success's events that has not been sent.
    var unsent = SuccessEvent.result

    /// Delivery reports still to come, and one hold that lasts until the outcome is sent.
    let pendingAcks = Atomic<Int>(1)

    init(record: Record, slot: PartitionSlot, receivedAt: Int64, laneID: UInt64?) {
        self.kept = record
        self.offset = record.offset
        self.slot = slot
        self.bytes = record.bytes.count
        self.receivedAt = receivedAt
        self.laneID = laneID
    }

    /// What was taken; afterwards no more than where that lay.
    package var record: Record {
        self.kept
            ?? Record(
                topic: self.slot.partition.topic, partition: self.slot.partition.partition, offset: self.offset,
                value: nil)
    }

    /// The outcome is sent: what the command held is freed while it is still in the processor's cache, and not when the
    /// broker has answered.
    func letGoOfRecord() {
        self.envelope = nil
        self.kept = nil
    }
}

/// The events of a success, in the order in which they are sent.
enum SuccessEvent { case result, reply, audit }

/// How an attempt failed.
package struct AttemptFailure: Sendable {
    package var failureClass: FailureClass
    package var code: String
    package var message: String
    package var problems: [Problem] = []
    package var retryAfter: Duration?

    package init(
        failureClass: FailureClass, code: String, message: String, problems: [Problem] = [], retryAfter: Duration? = nil
    ) {
        self.failureClass = failureClass
        self.code = code
        self.message = message
        self.problems = problems
        self.retryAfter = retryAfter
    }

    /// Bytes that a handler's code and message may take; the rest is cut off.
    package static let codeLimit = 128
    package static let messageLimit = 8192
}

/// The commands of one ordering key (or partition), in offset order: at most one of them runs or waits for its retry.
///
/// Guarded by the engine's lock, and its lists not watched for overlapping access besides.
final class Lane {
    /// Another key's when the lane is used again after it has ended: all else is then as in a new one.
    var id: UInt64
    /// Waiting behind the one that is busy.
    @exclusivity(unchecked) private(set) var waiting = WorkList()
    /// Outcomes sent, in the order of their commands, the first one not acknowledged.
    ///
    /// A later command of a key counts as finished only once every earlier one does. The interleaving that asks for it:
    /// of two successes everything of the second one is stored, and of the first one the result and not the audit event,
    /// when the worker is killed; were the second finished, the first one alone would run again, after it.
    @exclusivity(unchecked) var settled = WorkList()
    /// A work of the lane is ready, runs, or waits for its retry.
    var isBusy = false
    /// Works of `settled`.
    var unacknowledged = 0
    /// The last outcome sent went elsewhere than the results topic: nothing starts before it is acknowledged.
    ///
    /// Successes of one key go to one partition of one topic, where the producer keeps their order, so that none can be
    /// stored before an earlier one. A failure, a retry or a dead letter goes to another topic: were the next command
    /// to start before that is stored, a crash could leave the later command finished and the earlier one to be run
    /// again, out of order.
    var isBarred = false
    /// Wakes the attempt that waits for the lane's outcomes before it sends one of another kind.
    var settleWaiter: UnsafeContinuation<Void, Never>?

    init(id: UInt64) { self.id = id }

    func append(_ work: Work) { self.waiting.append(work) }

    func popFirst() -> Work? { self.waiting.popFirst() }
}

/// Works one behind the other; each is in one such list at a time.
struct WorkList {
    private(set) var head: Work?
    /// Held by the one before it, or by `head`: only good while there is a head.
    private var tail: Unmanaged<Work>?

    mutating func append(_ work: Work) {
        let last = Unmanaged.passUnretained(work)
        if self.head == nil {
            self.head = work
        } else {
            self.tail!._withUnsafeGuaranteedRef { $0.next = work }
        }
        self.tail = last
    }

    mutating func popFirst() -> Work? {
        guard let first = self.head else { return nil }
        self.head = first.next
        first.next = nil
        return first
    }

    /// Looks through the list: for what is rare.
    mutating func remove(_ work: Work) {
        var others = WorkList()
        while let first = self.popFirst() {
            if first !== work { others.append(first) }
        }
        self = others
    }
}

/// One assigned partition, from its assignment to its revocation; a new assignment makes a new slot, so that late
/// results of an old one find a slot that is gone.
///
/// `@unchecked Sendable`: `isGone` is atomic; the rest that changes is guarded by the engine's lock. What each command
/// changes in place is not watched for overlapping access besides.
package final class PartitionSlot: @unchecked Sendable {
    enum State { case active, revoking, gone }

    let partition: TopicPartition
    let domain: ProcessedDomain
    let isRetry: Bool
    /// Of the ids of its lanes: the same for all topics of the domain.
    let laneSeed: Int
    let surroundings: ContextSurroundings
    /// In which the worker owns the partition by the ledger; set before the partition's first record is taken.
    var ledgerEpoch: Int64 = 0
    /// When the ledger was found to have another owner, monotonic microseconds.
    var fencedAt: Int64?
    /// Rises with every assignment of the process.
    let epoch: UInt64

    var state = State.active
    @exclusivity(unchecked) var progress: PartitionProgress
    /// Where reading began: what lies before comes only when the log was cut short or made anew.
    var start: Int64
    /// Rises when the log begins anew: earlier commands say nothing about the offsets of the new ones.
    var generation = 0
    var bytes = 0
    /// Commands that wait for a time or at a gate, and their bytes.
    var waiting = 0
    var waitingBytes = 0
    /// Attempts running.
    var running = 0
    /// Settled, and not yet acknowledged.
    var settling = 0
    /// Commands of strict order that wait for a retry, by offset.
    @exclusivity(unchecked) var memos: [Int64: RetryMemo] = [:]
    /// Bytes of metadata in the last commit.
    var metadataBytes = 0
    /// Settled, and never to be acknowledged.
    var stuck: [Work] = []
    var isPaused = false
    /// Something is finished that no commit tells of yet.
    var isDirty = false
    /// Commits on their way, whose answers are not known.
    var pendingCommits = 0
    /// Something was committed in this assignment.
    var hasCommitted = false
    /// The offset after the partition's last record, as last heard, and when it was last asked for, monotonic microseconds.
    var end: Int64?
    var endAskedAt: Int64 = 0
    /// Readable without the lock by those who publish.
    let isGone = Atomic<Bool>(false)

    init(
        partition: TopicPartition, domain: ProcessedDomain, epoch: UInt64, progress: PartitionProgress,
        surroundings: ContextSurroundings
    ) {
        self.surroundings = surroundings
        self.partition = partition
        self.domain = domain
        self.isRetry = partition.topic != domain.names.commandsTopic
        var hasher = Hasher()
        hasher.combine(domain.names)
        hasher.combine(partition.partition)
        self.laneSeed = hasher.finalize()
        self.epoch = epoch
        self.progress = progress
        self.start = progress.base
    }
}

/// What the engine serves: a domain's handlers and topics.
package final class ProcessedDomain: Sendable {
    package let names: Domain
    package let registry: HandlerRegistry
    /// Sorted, shortest first.
    package let tiers: [RetryTier]
    package let resultsTopic: String
    package let failuresTopic: String
    package let auditTopic: String
    package let deadLetterTopic: String
    package let source: String
    /// Whether some type is not ordered by key, so that the intake must look at types.
    let hasOtherOrderings: Bool
    /// Of the types with limits.
    let gates: [CommandType: TypeGate]
    let headers: EventHeaders

    package init(names: Domain, registry: HandlerRegistry, tiers: [RetryTier]) {
        self.names = names
        self.registry = registry
        self.tiers = tiers.sorted()
        self.resultsTopic = names.resultsTopic
        self.failuresTopic = names.failuresTopic
        self.auditTopic = names.auditTopic
        self.deadLetterTopic = names.deadLetterTopic
        self.source = "adjutant/\(names.rawValue)"
        self.headers = EventHeaders(source: self.source, types: registry.entries.map(\.type.rawValue))
        self.gates = Dictionary(
            uniqueKeysWithValues: registry.entries.filter { !$0.policy.limits.isNone }.map {
                ($0.type, TypeGate(type: $0.type, limits: $0.policy.limits))
            })
        self.hasOtherOrderings = registry.entries.contains { $0.policy.ordering != .key }
    }

    /// The topics to read.
    package var inputTopics: [String] { [self.names.commandsTopic] + self.tiers.map { self.names.retryTopic($0) } }
    /// The topics to write.
    package var outputTopics: [String] {
        [self.resultsTopic, self.auditTopic, self.failuresTopic, self.deadLetterTopic]
    }

    /// What holds the type's commands back; nil for a type without limits.
    func gate(of type: CommandType) -> TypeGate? { self.gates.isEmpty ? nil : self.gates[type] }

    /// The longest tier that is not longer than the delay; nil when the delay is to be waited in place.
    func tier(forMilliseconds delay: Int64) -> RetryTier? { self.tiers.last { $0.milliseconds <= delay } }
}
