import Commands
import JSONCoding
import PostgresClient
import Processor

/// The entries of a group as arrays, one for each column.
struct EntryColumns {
    private var owners: [OwnerKey: Int64] = [:]
    private var ownerTopics = PostgresArray(of: .text)
    private var ownerPartitions = PostgresArray(of: .int4)
    private var ownerEpochs = PostgresArray(of: .int8)

    private var owner = PostgresArray(of: .int8)
    private var texts = [PostgresArray](repeating: PostgresArray(of: .text), count: TextColumn.allCases.count)
    private var attempts = PostgresArray(of: .int4)
    private var deadLettered = PostgresArray(of: .bool)
    private var replays = PostgresArray(of: .int4)
    private var originPartition = PostgresArray(of: .int4)
    private var originOffset = PostgresArray(of: .int8)
    private var received = PostgresArray(of: .timestamptz)
    private var started = PostgresArray(of: .timestamptz)
    private var finished = PostgresArray(of: .timestamptz)
    private var run = PostgresArray(of: .int8)
    private var output = PostgresArray(of: .bytea)
    private var due = PostgresArray(of: .timestamptz)
    /// Whether all entries are successes at the first attempt, and of no batch.
    private(set) var isPlain = true

    private struct OwnerKey: Hashable {
        let partition: TopicPartition
        let epoch: Int64
    }

    private enum TextColumn: Int, CaseIterable {
        case domain, id, type, key, state, failureClass, code, message, problems, originTopic
        case correlation, causation, actor, tenant, batch, saga
    }

    mutating func append(_ entry: LedgerEntry, run: Int64) {
        let command = entry.command
        let envelope = command.envelope
        self.owner.append(self.place(of: command))
        self.append(.domain, command.domain)
        self.append(.id, envelope, .id)
        self.append(.type, envelope, .type)
        if let key = envelope.orderingKey {
            self.append(.key, key)
        } else {
            self.texts[TextColumn.key.rawValue].appendNull()
        }
        self.append(.state, entry.state.rawValue)
        self.append(.failureClass, entry.failure?.failureClass.rawValue)
        self.append(.code, entry.failure?.code)
        self.append(.message, entry.failure?.message)
        self.append(.problems, entry.failure.flatMap { $0.problems.isEmpty ? nil : ProblemList.encode($0.problems) })
        self.append(.originTopic, command.origin.topic)
        self.append(.correlation, envelope, .correlationid)
        self.append(.causation, envelope, .causationid)
        self.append(.actor, envelope, .actor)
        self.append(.tenant, envelope, .tenant)
        self.append(.batch, envelope, .batchid)
        self.append(.saga, envelope, .sagaid)
        self.attempts.append(Int32(clamping: entry.attempt))
        self.deadLettered.append(entry.isDeadLettered)
        self.replays.append(Int32(clamping: command.replays))
        self.originPartition.append(command.origin.partition)
        self.originOffset.append(command.origin.offset)
        self.received.append(PostgresTimestamp(microseconds: entry.receivedAt))
        self.started.append(PostgresTimestamp(microseconds: entry.startedAt))
        if entry.isFinal {
            self.finished.append(PostgresTimestamp(microseconds: entry.finishedAt))
        } else {
            self.finished.appendNull()
        }
        self.run.append(run)
        if entry.state == .succeeded { self.output.append(entry.output) } else { self.output.appendNull() }
        if let due = entry.due {
            self.due.append(PostgresTimestamp(microseconds: due))
        } else {
            self.due.appendNull()
        }
        if entry.state != .succeeded || entry.attempt > 1 || envelope.has(.batchid) { self.isPlain = false }
    }

    func call(group: String, worker: String, shard: Int32) -> PostgresCall {
        func text(_ column: TextColumn) -> PostgresValue { .array(self.texts[column.rawValue]) }
        let parameters: [PostgresValue] = [
            .text(group), .text(worker), .array(self.ownerTopics), .array(self.ownerPartitions),
            .array(self.ownerEpochs), .array(self.owner), text(.domain), text(.id), text(.type), text(.key),
            text(.state), text(.failureClass), text(.code), text(.message), text(.problems),
            .array(self.attempts), .array(self.deadLettered), .array(self.replays), text(.originTopic),
            .array(self.originPartition), .array(self.originOffset), text(.correlation), text(.causation),
            text(.actor), text(.tenant), text(.batch), text(.saga), .array(self.received), .array(self.started),
            .array(self.finished), .array(self.run), .array(self.output),
            .array(self.due),
        ]
        guard !self.isPlain else { return PostgresCall(LedgerSQL.record, parameters) }
        return PostgresCall(LedgerSQL.recordInFull, parameters + [.int4(shard)])
    }

    /// The owner's place in the list of owners, from 1.
    private mutating func place(of command: LedgerCommand) -> Int64 {
        let key = OwnerKey(partition: command.partition, epoch: command.epoch)
        if let place = self.owners[key] { return place }
        let place = Int64(self.owners.count + 1)
        self.owners[key] = place
        self.ownerTopics.append(command.partition.topic)
        self.ownerPartitions.append(command.partition.partition)
        self.ownerEpochs.append(command.epoch)
        return place
    }

    // MARK: - Texts

    static let textLimit = 1024

    private mutating func append(_ column: TextColumn, _ envelope: Envelope, _ attribute: Attribute) {
        guard let span = envelope.span(attribute) else { return self.texts[column.rawValue].appendNull() }
        self.append(column, envelope.view.bytes[span.range])
    }

    private mutating func append(_ column: TextColumn, _ value: String?) {
        guard let value else { return self.texts[column.rawValue].appendNull() }
        self.texts[column.rawValue].append(value.utf8.contains(0) ? DatabaseText.clean(value) : value)
    }

    private mutating func append(_ column: TextColumn, _ bytes: ArraySlice<UInt8>) {
        // An entry of an index has at most 2,704 bytes.
        let isPlain = bytes.count <= Self.textLimit && bytes.allSatisfy { $0 > 0 && $0 < 0x80 }
        guard isPlain else {
            let text = DatabaseText.clean(String(decoding: bytes, as: UTF8.self))
            return self.texts[column.rawValue].append(text.cut(toBytes: Self.textLimit))
        }
        bytes.withUnsafeBytes { self.texts[column.rawValue].append(bytes: $0) }
    }
}

/// Text as PostgreSQL takes it: UTF-8 without the character 0.
enum DatabaseText {
    static func clean(_ text: String) -> String {
        text.utf8.contains(0) ? String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) : text
    }

    /// An id as it stands in the database.
    static func id(_ envelope: Envelope) -> String { self.clean(envelope.id) }
}

extension LedgerEntry {
    var isDeadLettered: Bool { self.failure.map { $0.failureClass.isDeadLettered && self.isFinal } ?? false }
}

/// The problems of a failure as JSON, to and fro.
enum ProblemList {
    static func encode(_ problems: [Problem]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for problem in problems {
            writer.beginObject()
            writer.key("path")
            writer.string(problem.path)
            writer.key("code")
            writer.string(problem.code)
            writer.key("message")
            writer.string(problem.message)
            writer.endObject()
        }
        writer.endArray()
        // The escape of the character 0 is valid JSON and not valid jsonb.
        return String(decoding: writer.finish(), as: UTF8.self).replacing("\\u0000", with: "\\ufffd")
    }

    static func decode(_ text: String) -> [Problem] {
        guard let document = try? JSONDocument(parsing: text) else { return [] }
        var problems: [Problem] = []
        var place = 0
        while let item = document.root[place] {
            problems.append(
                Problem(
                    path: item["path"]?.stringValue ?? "", code: item["code"]?.stringValue ?? "",
                    message: item["message"]?.stringValue ?? ""))
            place += 1
        }
        return problems
    }
}
