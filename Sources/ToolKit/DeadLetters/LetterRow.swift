import Commands
import DeadLetters
import Processor

/// A dead letter as it is listed; no payload.
struct LetterRow: Sendable, Encodable {
    struct Place: Sendable, Encodable {
        var topic: String?
        var partition: Int32?
        var offset: Int64?
    }

    var topic: String
    var partition: Int32
    var offset: Int64
    var state: LetterState
    var domain: String
    var type: String?
    var id: String?
    var key: String?
    /// `unknown` where other programs gave the command up.
    var `class`: String
    var code: String?
    var message: String?
    var fingerprint: String
    var attempts: Int?
    var replays: Int
    /// RFC 3339.
    var firstFailed: String?
    var time: String
    var origin: Place
    var group: String?
    var format: LetterFormat
    /// Of the value; null for a tombstone.
    var bytes: Int?

    init(_ letter: DeadLetter, _ state: LetterState, domain: Domain) {
        self.topic = letter.record.topic
        self.partition = letter.record.partition
        self.offset = letter.record.offset
        self.state = state
        self.domain = domain.rawValue
        self.type = letter.type
        self.id = letter.id
        self.key = letter.key
        self.class = letter.failureClass ?? DeadLetter.unknownClass
        self.code = letter.code
        self.message = letter.message
        self.fingerprint = letter.fingerprint
        self.attempts = letter.attempts
        self.replays = letter.replays
        self.firstFailed = letter.firstFailedAt.map(DltText.time)
        self.time = DltText.time(letter.failedAt)
        self.origin = Place(
            topic: letter.originTopic, partition: letter.originPartition, offset: letter.originOffset)
        self.group = letter.group
        self.format = letter.format
        self.bytes = letter.valueBytes
    }

    static func table(_ rows: [LetterRow]) -> TextTable {
        var table = TextTable([
            .init("LETTER"), .init("FAILED"), .init("STATE"), .init("TYPE", least: 10), .init("CLASS"),
            .init("CODE", least: 8), .init("KEY", least: 6), .init("ID", least: 8),
            .init("REPLAYS", isRight: true), .init("MESSAGE", least: 20),
        ])
        for row in rows {
            table.add([
                "\(row.partition)/\(row.offset)", .init(String(row.time.prefix(19)).replacing("T", with: " ")),
                .init(row.state.rawValue, row.state.style), .init(cut: row.type), .init(cut: row.class),
                .init(cut: row.code), .init(cut: row.key), .init(cut: row.id), "\(row.replays)",
                .init(cut: row.message ?? "", to: 1024),
            ])
        }
        return table
    }
}

extension TextTable.Cell {
    /// What a header or a key holds: one letter's must not make every row as wide as itself.
    fileprivate init(cut text: String?, to limit: Int = 128) { self.init((text ?? "-").cut(toBytes: limit)) }
}

extension LetterState {
    var style: TextStyle {
        switch self {
        case .parked: .doubtful
        case .replayed, .resolved: .good
        case .discarded: .faint
        case .quarantined: .bad
        }
    }
}

/// A group of equal causes as it is printed.
struct GroupRow: Sendable, Encodable {
    struct Example: Sendable, Encodable {
        var topic: String
        var partition: Int32
        var offset: Int64
        var id: String?
    }

    var fingerprint: String
    var `class`: String
    var code: String
    var type: String?
    /// The example's.
    var message: String
    var count: Int
    /// By state.
    var states: [String: Int]
    var firstSeen: String
    var lastSeen: String
    var example: Example

    init(_ group: LetterGroups.Group) {
        self.fingerprint = group.fingerprint
        self.class = group.failureClass
        self.code = group.code
        self.type = group.type
        self.message = group.message
        self.count = group.count
        self.states = Dictionary(uniqueKeysWithValues: group.states.map { ($0.key.rawValue, $0.value) })
        self.firstSeen = DltText.time(group.firstSeen)
        self.lastSeen = DltText.time(group.lastSeen)
        self.example = Example(
            topic: group.example.topic, partition: group.example.partition, offset: group.example.offset,
            id: group.exampleID)
    }

    static func table(_ rows: [GroupRow]) -> TextTable {
        var table = TextTable([
            .init("COUNT", isRight: true), .init("PARKED", isRight: true), .init("FINGERPRINT"), .init("CLASS"),
            .init("CODE", least: 8), .init("TYPE", least: 10), .init("FIRST"), .init("LAST"), .init("EXAMPLE"),
            .init("MESSAGE", least: 20),
        ])
        for row in rows {
            table.add([
                "\(row.count)", "\(row.states["parked"] ?? 0)", .init(row.fingerprint), .init(cut: row.class),
                .init(cut: row.code), .init(cut: row.type),
                .init(String(row.firstSeen.prefix(19)).replacing("T", with: " ")),
                .init(String(row.lastSeen.prefix(19)).replacing("T", with: " ")),
                "\(row.example.partition)/\(row.example.offset)", .init(row.message),
            ])
        }
        return table
    }
}
