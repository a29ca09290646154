import Commands
import DeadLetters
import JSONCoding
import KafkaTransport
import Ledger
import PostgresClient
import Processor

/// What happened to a letter's command: its attempts, and what was done by hand.
struct CommandStory: Sendable {
    struct Event: Sendable, Encodable {
        /// RFC 3339.
        var time: String
        /// As audit events name it: `retried`, `deadlettered`, `replayed` and so on.
        var event: String
        var attempt: Int?
        var `class`: String?
        var code: String?
        var worker: String?
        var actor: String?
        var reason: String?
    }

    enum Source: String, Sendable, Encodable {
        case history, audit
    }

    /// In the order of time.
    var events: [Event] = []
    var source: Source
    /// Whether older events may be there that were not read.
    var isCut = false
}

extension CommandStory {
    /// From the database; nil when it knows nothing of the command.
    static func find(_ id: String, _ domain: Domain, _ connection: PostgresConnection) async throws -> CommandStory? {
        guard let found = try await HistoryStore(connection).find(id, domain: domain.rawValue).first else { return nil }
        var story = CommandStory(source: .history)
        story.events = found.events.map {
            Event(
                time: DltText.time($0.at.microseconds), event: $0.event, attempt: $0.attempt, class: $0.failureClass,
                code: $0.code, worker: $0.worker)
        }
        let record = found.record
        let last = record.finishedAt ?? record.startedAt ?? record.receivedAt
        story.events.append(
            Event(
                time: DltText.time(last.microseconds),
                // One that somebody finished by hand has had its dead letter before.
                event: record.isDeadLettered && record.state != "succeeded" ? "deadlettered" : record.state,
                attempt: record.attempts, class: record.failureClass, code: record.code, worker: record.worker))
        return story
    }
}

extension DltSession {
    /// Audit events that are read at most, the youngest of each partition.
    private static let mostEvents: Int64 = 200_000

    /// What the audit topic tells of a command, as far as it is read within some seconds. Blocks.
    func story(of id: String) throws -> CommandStory {
        var story = CommandStory(source: .audit)
        guard let all = try self.ranges(of: self.domain.auditTopic) else { return story }
        let share = max(1, Self.mostEvents / Int64(max(1, all.count)))
        let ranges = all.map { range in
            var range = range
            if range.count > share {
                range.low = range.end - share
                story.isCut = true
            }
            return range
        }
        let reader = try self.source.reader([self.domain.auditTopic: ranges])
        defer { reader.close() }
        let deadline = self.clock.monotonic() + 10_000_000
        var found: [(time: Int64, event: CommandStory.Event)] = []
        var records: [Record] = []
        while !reader.isComplete {
            if self.clock.monotonic() > deadline {
                story.isCut = true
                break
            }
            records.removeAll(keepingCapacity: true)
            try reader.read(milliseconds: 100, into: &records)
            for record in records where !record.key.isNull && record[record.key].elementsEqual(id.utf8) {
                if let event = CommandStory.Event(record) { found.append((record.timestamp, event)) }
            }
        }
        story.events = found.sorted { ($0.event.time, $0.time) < ($1.event.time, $1.time) }.map(\.event)
        return story
    }
}

extension CommandStory.Event {
    /// Nil for a record that is no audit event.
    init?(_ record: Record) {
        func header(_ name: String) -> String? { record.header(named: name).flatMap { record.text($0) } }
        let prefix = "adjutant.command."
        guard let type = header("ce_type"), type.hasPrefix(prefix), !record.value.isNull,
            let data = try? JSONDocument(parsing: record[record.value]).root
        else { return nil }
        func text(_ name: String) -> String? { data[name]?.stringValue.flatMap { $0.isEmpty ? nil : $0 } }
        let isByHand = text("action") != nil
        // What was done by hand has its consequences while it goes on: so it stands where it began. What else it says of
        // the command is that of the letter.
        let began = isByHand ? text("startedAt").flatMap { RFC3339.parse($0) } : nil
        let attempt = isByHand ? 0 : data["attempt"]?.int64Value ?? 0
        self.init(
            time: began.map { DltText.time($0) } ?? header("ce_time") ?? DltText.time(record.timestamp &* 1000),
            event: String(type.dropFirst(prefix.count)), attempt: attempt > 0 ? Int(attempt) : nil,
            class: isByHand ? nil : text("class"), code: isByHand ? nil : text("code"), worker: text("worker"),
            actor: text("actor"), reason: text("reason"))
    }
}
