import Commands
import Processor

/// Dead letters grouped by cause.
package struct LetterGroups: Sendable {
    package struct Group: Sendable {
        package var fingerprint: String
        package var failureClass: String
        package var code: String
        package var type: String?
        /// The example's: what is left of a message without all that may vary does not say what is wrong.
        package var message: String
        package var count = 0
        /// Microseconds since 1970.
        package var firstSeen: Int64
        package var lastSeen: Int64
        package var states: [LetterState: Int] = [:]
        /// The youngest one; of equally young ones the last of the topic. What is said of the group is said of it.
        package var example: LetterCoordinate
        package var exampleID: String?

        /// A group of the example alone, and of no number yet.
        package init(
            fingerprint: String, failureClass: String?, code: String?, type: String?, message: String?, failedAt: Int64,
            example: LetterCoordinate, exampleID: String?
        ) {
            self.fingerprint = fingerprint
            self.failureClass = failureClass ?? DeadLetter.unknownClass
            self.code = code ?? ""
            self.type = type
            self.message = (message ?? "").cut(toBytes: 1024)
            self.firstSeen = failedAt
            self.lastSeen = failedAt
            self.example = example
            self.exampleID = exampleID
        }
    }

    private var groups: [[UInt8]: Group] = [:]
    private let limit: Int
    /// Letters of causes beyond the most that are kept apart.
    package private(set) var others = 0

    /// - Parameter limit: The most groups; a message that differs in every letter must not use up the memory.
    package init(limit: Int = 10_000) { self.limit = limit }

    package mutating func add(_ letter: DeadLetter, _ state: LetterState) {
        let key =
            letter.fingerprintSpan.count == 16
            ? Array(letter.record[letter.fingerprintSpan]) : Array(letter.fingerprint.utf8)
        if self.groups[key]?.add(letter, state) == nil {
            guard self.groups.count < self.limit else {
                self.others += 1
                return
            }
            var group = Group(letter, fingerprint: String(decoding: key, as: UTF8.self))
            group.add(letter, state)
            self.groups[key] = group
        }
    }

    /// The largest first, equal ones by their last letter.
    package var sorted: [Group] {
        self.groups.values.sorted {
            ($0.count, $0.lastSeen, $1.fingerprint) > ($1.count, $1.lastSeen, $0.fingerprint)
        }
    }

    package var count: Int { self.groups.count }
}

extension LetterGroups.Group {
    fileprivate init(_ letter: DeadLetter, fingerprint: String) {
        self.init(
            fingerprint: fingerprint, failureClass: letter.failureClass, code: letter.code, type: letter.type,
            message: letter.message, failedAt: letter.failedAt, example: letter.coordinate, exampleID: letter.id)
    }

    fileprivate mutating func add(_ letter: DeadLetter, _ state: LetterState) {
        self.count += 1
        self.states[state, default: 0] += 1
        self.firstSeen = min(self.firstSeen, letter.failedAt)
        guard letter.failedAt >= self.lastSeen,
            letter.failedAt > self.lastSeen || letter.coordinate > self.example
        else { return }
        var group = Self(letter, fingerprint: self.fingerprint)
        (group.count, group.states, group.firstSeen) = (self.count, self.states, self.firstSeen)
        self = group
    }
}
