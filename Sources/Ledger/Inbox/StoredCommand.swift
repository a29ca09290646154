import Commands
import PostgresClient
import Processor

/// A row of `adjutant.commands`, as far as the inbox looks at it.
struct StoredCommand {
    let domain: String
    let id: String
    let state: String
    let replays: Int
    let run: Int64
    let isFinal: Bool
    let outcome: LedgerOutcome
    /// When the next attempt is due, as far as that was written down.
    private let due: PostgresTimestamp?

    /// - Parameter row: Of a statement whose columns are those of ``LedgerSQL/look``.
    init(_ row: PostgresRow) throws {
        self.domain = try row.get(0)
        self.id = try row.get(1)
        self.state = try row.get(2)
        let failureClass: String? = try row.get(3)
        let code: String? = try row.get(4)
        let message: String? = try row.get(5)
        let problems: String? = try row.get(6)
        let attempts: Int = try row.get(7)
        let isDeadLettered: Bool = try row.get(8)
        self.replays = try row.get(9)
        let topic: String? = try row.get(10)
        let partition: Int32? = try row.get(11)
        let offset: Int64? = try row.get(12)
        let startedAt: PostgresTimestamp? = try row.get(13)
        let finishedAt: PostgresTimestamp? = try row.get(14)
        let output: [UInt8]? = try row.get(15)
        self.run = try row.get(16)
        self.due = try row.get(17)
        self.isFinal = finishedAt != nil
        var failure: AttemptFailure?
        if self.state != LedgerEntry.State.succeeded.rawValue {
            failure = AttemptFailure(
                failureClass: failureClass.flatMap { FailureClass(rawValue: $0) } ?? .permanent, code: code ?? "",
                message: message ?? "", problems: problems.map(ProblemList.decode) ?? [])
        }
        self.outcome = LedgerOutcome(
            failure: failure, output: output ?? [], attempts: attempts, startedAt: startedAt?.microseconds ?? 0,
            finishedAt: finishedAt?.microseconds ?? 0, isDeadLettered: isDeadLettered,
            origin: RecordOrigin(topic: topic ?? "", partition: partition ?? 0, offset: offset ?? 0))
    }

    /// What it means for a command that is about to run.
    func finding(for command: LedgerCommand) -> LedgerFinding {
        guard self.isFinal else {
            return .begun(
                LedgerProgress(
                    attempts: self.outcome.attempts, failure: self.outcome.failure,
                    due: self.due?.microseconds ?? self.outcome.startedAt, startedAt: self.outcome.startedAt,
                    replays: self.replays, origin: self.outcome.origin))
        }
        if self.outcome.isDeadLettered, command.replays > self.replays { return .fresh }
        return .finished(self.outcome)
    }
}

/// What a command is found by.
///
/// Compared byte by byte, as the database does it: Swift takes texts for equal that Unicode takes for the same.
struct CommandKey: Hashable {
    let domain: String
    let id: String

    init(domain: String, id: String) {
        self.domain = domain
        self.id = id
    }

    init(_ command: LedgerCommand) {
        self.init(domain: command.domain, id: DatabaseText.id(command.envelope))
    }

    static func == (left: CommandKey, right: CommandKey) -> Bool {
        left.id.utf8.elementsEqual(right.id.utf8) && left.domain.utf8.elementsEqual(right.domain.utf8)
    }

    func hash(into hasher: inout Hasher) {
        Self.hash(self.domain, into: &hasher)
        Self.hash(self.id, into: &hasher)
    }

    private static func hash(_ text: String, into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No text holds it: where one ends and the next begins.
        hasher.combine(0xff as UInt8)
    }
}
