import Commands

/// What a filter can ask about.
package enum LetterField: String, Sendable, CaseIterable {
    case domain, type, `class`, code, fingerprint, key, id, message, state, group, topic, origin, format
    case partition, offset, replays, attempts, bytes
    case time, first, age

    enum Kind { case text, number, time, age, state }

    var kind: Kind {
        switch self {
        case .domain, .type, .class, .code, .fingerprint, .key, .id, .message, .group, .topic, .origin, .format: .text
        case .state: .state
        case .partition, .offset, .replays, .attempts, .bytes: .number
        case .time, .first: .time
        case .age: .age
        }
    }

    /// All values of a text field that has no others.
    var values: [String]? {
        switch self {
        case .class: FailureClass.allCases.map(\.rawValue) + [DeadLetter.unknownClass]
        case .format: LetterFormat.allCases.map(\.rawValue)
        default: nil
        }
    }

    /// For documentation and help.
    package var meaning: String {
        switch self {
        case .domain: "the domain whose dead letters these are"
        case .type: "the command type"
        case .class: "the failure class; unknown where other programs gave the command up"
        case .code: "the error's code; of foreign letters the exception's class"
        case .fingerprint: "the group of equal causes"
        case .key: "the ordering key"
        case .id: "the command id"
        case .message: "the error's message"
        case .state: "parked, replayed, resolved, discarded or quarantined"
        case .group: "the consumer group"
        case .topic: "the topic that it came from"
        case .origin: "where it was first read, topic/partition/offset"
        case .format: "whose headers it has: adjutant, kip1191, spring, connect, streams or unknown"
        case .partition: "the partition of the dead-letter topic"
        case .offset: "the offset in it"
        case .replays: "how often it was replayed before"
        case .attempts: "attempts before it was given up"
        case .bytes: "bytes of the value"
        case .time: "when it was given up: RFC 3339, a date, or a time ago such as 2h"
        case .first: "when it first failed, in the same way"
        case .age: "how long ago it was given up, such as 90s, 2h or 7d"
        }
    }
}
