import Commands
import Processor

/// A database in memory, by the rules of the port: it outlives engines, fences earlier owners, and keeps what a handler
/// wrote only together with the command's success.
final class MemoryLedger: CommandLedger {
    struct Row: Sendable {
        var entry: LedgerEntry
        /// The first outcome, once there is one.
        var outcome: LedgerOutcome?
    }

    /// A command's name in the database.
    struct Name: Hashable, Sendable {
        var domain = "test"
        var id: String

        init(_ id: String) { self.id = id }

        init(_ command: LedgerCommand) {
            self.domain = command.domain
            self.id = command.envelope.id
        }
    }

    struct State: Sendable {
        var rows: [Name: Row] = [:]
        var epochs: [TopicPartition: Int64] = [:]
        var cancelled: [String: String] = [:]
        /// What handlers wrote and is kept.
        var written: [String] = []
        var looks: [String] = []
        /// All entries that were handed over, written or not.
        var asked: [LedgerEntry] = []
        /// Answered before the rules are asked, the first one first.
        var answers: [LedgerVerdict] = []
        /// Ids of commands whose scopes were given up.
        var abandoned: [String] = []
        var fenced = 0
        var isClosed = false

        /// Of the tests' own domain.
        func row(_ id: String) -> Row? { self.rows[Name(id)] }
    }

    let state: Watched<State>
    /// While it is not, nobody gets an answer to a look.
    let answersLooks: Watched<Bool>
    private let isClosed = Watched(false)

    /// - Parameter state: The database's, which other workers' ledgers may share.
    init(_ state: Watched<State> = Watched(State()), answersLooks: Watched<Bool> = Watched(true)) {
        self.state = state
        self.answersLooks = answersLooks
    }

    // MARK: - CommandLedger

    func own(_ partitions: [TopicPartition]) -> [Int64] {
        self.state.update { state in
            partitions.map { partition in
                state.epochs[partition, default: 0] += 1
                return state.epochs[partition]!
            }
        }
    }

    func look(_ command: LedgerCommand) async -> LedgerFinding {
        let id = command.envelope.id
        guard !command.isOver(), !self.isClosed.value else { return .over }
        self.state.update { $0.looks.append(id) }
        await self.answersLooks.untilDeaf { $0 }
        return self.state.update { state in
            if let row = state.rows[Name(command)] {
                guard let outcome = row.outcome else {
                    let isOpen = row.entry.command.origin == command.origin
                    if isOpen, let reason = state.cancelled[id] { return .cancelled(reason: reason) }
                    return .begun(row.entry.progress)
                }
                let isReplayed = outcome.isDeadLettered && command.replays > row.entry.command.replays
                if !isReplayed { return .finished(outcome) }
            }
            return state.cancelled[id].map { .cancelled(reason: $0) } ?? .fresh
        }
    }

    func scope(of command: LedgerCommand) -> any LedgerScope { MemoryScope(ledger: self, id: command.envelope.id) }

    func record(_ entry: LedgerEntry, in scope: (any LedgerScope)?) async -> LedgerVerdict {
        let name = Name(entry.command)
        guard !entry.command.isOver(), !self.isClosed.value else { return .over }
        let writes = (scope as? MemoryScope)?.take() ?? []
        return self.state.update { state in
            state.asked.append(entry)
            if !state.answers.isEmpty { return state.answers.removeFirst() }
            guard state.epochs[entry.command.partition] == entry.command.epoch else {
                if let outcome = state.rows[name]?.outcome { return .repeated(outcome) }
                state.fenced += 1
                return .fenced(by: "another worker")
            }
            var entry = entry
            if let row = state.rows[name] {
                if let outcome = row.outcome {
                    let isReplayed = outcome.isDeadLettered && entry.command.replays > row.entry.command.replays
                    if !isReplayed { return .repeated(outcome) }
                } else if row.entry.command.replays == entry.command.replays {
                    entry = entry.counting(atLeast: row.entry.attempt)
                }
            }
            state.rows[name] = Row(entry: entry, outcome: entry.isFinal ? entry.outcome : nil)
            if entry.state == .succeeded { state.written += writes }
            return .recorded
        }
    }

    func close() {
        self.isClosed.update { $0 = true }
        self.state.update { $0.isClosed = true }
    }
}

/// One attempt's writes, until they are kept or undone.
final class MemoryScope: LedgerScope, CommandTransaction {
    private let ledger: MemoryLedger
    private let id: String
    private let writes = Watched<[String]>([])

    init(ledger: MemoryLedger, id: String) {
        self.ledger = ledger
        self.id = id
    }

    func transaction(_ body: @escaping @Sendable (any CommandTransaction) async throws -> Void) async throws {
        try await body(self)
    }

    func query(_ sql: SQL, _ parameters: [SQLValue]) async throws -> [SQLRow] {
        self.writes.update { $0.append(contentsOf: parameters.compactMap(\.text)) }
        return []
    }

    func emit(_ record: OutboxRecord) async throws {}

    func take() -> [String] {
        self.writes.update { writes in
            defer { writes = [] }
            return writes
        }
    }

    func abandon() {
        _ = self.take()
        self.ledger.state.update { $0.abandoned.append(self.id) }
    }
}

extension LedgerEntry {
    /// The same with no fewer attempts than that.
    func counting(atLeast attempts: Int) -> LedgerEntry {
        LedgerEntry(
            command: self.command, state: self.state, failure: self.failure, output: self.output,
            attempt: max(attempts, self.attempt), worker: self.worker, receivedAt: self.receivedAt,
            startedAt: self.startedAt, finishedAt: self.finishedAt, due: self.due)
    }

    /// What a database would find again of a command without an outcome.
    var progress: LedgerProgress {
        LedgerProgress(
            attempts: self.attempt, failure: self.failure, due: self.due ?? self.startedAt, startedAt: self.startedAt,
            replays: self.command.replays, origin: self.command.origin)
    }

    /// What a database would find again.
    var outcome: LedgerOutcome {
        LedgerOutcome(
            failure: self.failure, output: self.output, attempts: self.attempt, startedAt: self.startedAt,
            finishedAt: self.finishedAt, isDeadLettered: self.failure?.failureClass.isDeadLettered ?? false,
            origin: self.command.origin)
    }
}
