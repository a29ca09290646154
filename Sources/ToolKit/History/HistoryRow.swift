import JSONCoding
import Ledger

/// A command of the history as the tool prints it.
struct HistoryRow: Encodable {
    struct Origin: Encodable {
        var topic: String
        var partition: Int
        var offset: Int64
    }

    var domain: String
    var id: String
    var type: String
    var key: String?
    var state: String
    var `class`: String?
    var code: String?
    var message: String?
    var attempts: Int
    var deadLettered: Bool
    var replays: Int
    var worker: String?
    var origin: Origin?
    var correlationId: String
    var causationId: String?
    var actor: String?
    var tenant: String?
    var batchId: String?
    var sagaId: String?
    var receivedAt: String
    var startedAt: String?
    var finishedAt: String?
    /// Of the next attempt.
    var dueAt: String?

    init(_ record: CommandRecord) {
        self.domain = record.domain
        self.id = record.id
        self.type = record.type
        self.key = record.key
        self.state = record.state
        self.class = record.failureClass
        self.code = record.code
        self.message = record.message
        self.attempts = record.attempts
        self.deadLettered = record.isDeadLettered
        self.replays = record.replays
        self.worker = record.worker
        if let topic = record.originTopic, let partition = record.originPartition, let offset = record.originOffset {
            self.origin = Origin(topic: topic, partition: partition, offset: offset)
        }
        self.correlationId = record.correlationID
        self.causationId = record.causationID
        self.actor = record.actor
        self.tenant = record.tenant
        self.batchId = record.batchID
        self.sagaId = record.sagaID
        self.receivedAt = record.receivedAt.text
        self.startedAt = record.startedAt?.text
        self.finishedAt = record.finishedAt?.text
        self.dueAt = record.dueAt?.text
    }

    static func table(_ rows: [HistoryRow]) -> TextTable {
        var table = TextTable([
            .init("RECEIVED"), .init("STATE"), .init("DOMAIN"), .init("TYPE", least: 12), .init("ID", least: 12),
            .init("KEY", least: 6), .init("TRIES", isRight: true), .init("CODE", least: 8),
        ])
        for row in rows {
            table.add([
                .init(String(row.receivedAt.prefix(19)).replacing("T", with: " ")),
                .init(row.state, Self.style(row.state)), .init(row.domain), .init(row.type), .init(row.id),
                .init(row.key ?? "-"), "\(row.attempts)", .init(row.code ?? "-"),
            ])
        }
        return table
    }

    static func style(_ state: String) -> TextStyle {
        switch state {
        case "succeeded": .good
        case "failed", "expired": .bad
        case "retrying", "scheduled", "cancelled": .doubtful
        default: .plain
        }
    }
}

/// A command with all that happened to it.
struct HistoryView: Encodable {
    struct Event: Encodable {
        var at: String
        var event: String
        var attempt: Int
        var `class`: String?
        var code: String?
        var message: String?
        var worker: String?
    }

    var command: HistoryRow
    /// What was wrong with the data.
    var errors: JSONValue?
    /// What the handler returned.
    var output: JSONValue?
    var events: [Event]

    init(_ record: CommandRecord, _ events: [CommandEvent], showsOutput: Bool) {
        self.command = HistoryRow(record)
        self.errors = record.problems.flatMap { Self.json(Array($0.utf8)) }
        self.output = showsOutput ? record.output.flatMap(Self.json) : nil
        self.events = events.map {
            Event(
                at: $0.at.text, event: $0.event, attempt: $0.attempt, class: $0.failureClass, code: $0.code,
                message: $0.message, worker: $0.worker)
        }
    }

    private enum CodingKeys: String, CodingKey { case errors, output, events }

    /// The row's own fields and these, in one object.
    func encode(to encoder: any Encoder) throws {
        try self.command.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(self.errors, forKey: .errors)
        try container.encodeIfPresent(self.output, forKey: .output)
        try container.encode(self.events, forKey: .events)
    }

    /// JSON as it is, other bytes as text.
    static func json(_ bytes: [UInt8]) -> JSONValue? {
        guard !bytes.isEmpty else { return nil }
        return (try? JSONDocument(parsing: bytes, limits: CommandRules.json)).map { JSONValue($0.root) }
            ?? .string(String(decoding: bytes, as: UTF8.self))
    }

    func printText() {
        let row = self.command
        var text = FieldText()
        text.add("command", row.id)
        text.add("domain", row.domain)
        text.add("type", row.type)
        text.add("key", row.key)
        text.add("state", row.state + (row.deadLettered ? ", dead-lettered" : ""))
        text.add("class", row.class)
        text.add("code", row.code)
        text.add("message", row.message)
        text.add("attempts", "\(row.attempts)")
        text.add("replays", row.replays > 0 ? "\(row.replays)" : nil)
        text.add("received", row.receivedAt)
        text.add("started", row.startedAt)
        text.add("finished", row.finishedAt)
        text.add("next attempt", row.dueAt)
        text.add("worker", row.worker)
        text.add("origin", row.origin.map { "\($0.topic)/\($0.partition)/\($0.offset)" })
        text.add("correlation", row.correlationId)
        text.add("causation", row.causationId)
        text.add("actor", row.actor)
        text.add("tenant", row.tenant)
        text.add("batch", row.batchId)
        text.add("saga", row.sagaId)
        text.add("errors", self.errors.map(Self.compact))
        text.add("output", self.output.map(Self.compact))
        text.print()
        guard !self.events.isEmpty else { return }
        var table = TextTable([
            .init("AT"), .init("EVENT"), .init("TRY", isRight: true), .init("CLASS"), .init("CODE"),
            .init("WORKER", least: 8), .init("MESSAGE", least: 12),
        ])
        for event in self.events {
            table.add([
                .init(event.at), .init(event.event), "\(event.attempt)", .init(event.class ?? "-"),
                .init(event.code ?? "-"), .init(event.worker ?? "-"), .init(event.message ?? ""),
            ])
        }
        StandardStream.output.write("\n" + table.lines(for: .output).joined(separator: "\n") + "\n")
    }

    private static func compact(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.finish(), as: UTF8.self)
    }
}
