import Commands
import DeadLetters
import Ledger

extension IndexedLetter {
    init(_ letter: DeadLetter, _ state: LetterState) {
        var isExact = true
        func text(_ field: LetterField) -> String? {
            guard let bytes = letter.bytes(of: field) else { return nil }
            if let text = String(validating: bytes, as: UTF8.self), bytes.count <= 8192, !bytes.contains(0) {
                return text
            }
            isExact = false
            return String(decoding: bytes.prefix(8192), as: UTF8.self).replacing("\0", with: "\u{fffd}")
        }
        /// What PostgreSQL can tell.
        func time(_ microseconds: Int64) -> Int64 {
            if (0...253_402_300_799_999_999).contains(microseconds) { return microseconds }
            isExact = false
            return 0
        }
        let failedAt = time(letter.failedAt)
        self.init(
            partition: letter.record.partition, offset: letter.record.offset,
            recordedAt: time(letter.record.timestamp > 0 ? letter.record.timestamp &* 1000 : 0) / 1000,
            failedAt: failedAt, fingerprint: "", format: letter.format.rawValue)
        self.firstFailedAt = letter.firstFailedAt.map(time)
        self.type = text(.type)
        self.commandID = text(.id)
        self.key = text(.key)
        self.failureClass = text(.class)
        self.code = text(.code)
        self.message = text(.message)
        self.fingerprint = text(.fingerprint) ?? ""
        self.group = text(.group)
        self.originTopic = text(.topic)
        self.originPartition = letter.originPartition
        self.originOffset = letter.originOffset
        self.attempts = letter.attempts
        self.replays = letter.replays
        self.bytes = letter.valueBytes
        self.state = state.rawValue
        self.isExact = isExact
    }
}

extension LetterRow {
    init(_ letter: IndexedLetter, topic: String, domain: Domain) {
        self.topic = topic
        self.partition = letter.partition
        self.offset = letter.offset
        self.state = LetterState(rawValue: letter.state) ?? .parked
        self.domain = domain.rawValue
        self.type = letter.type
        self.id = letter.commandID
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
        self.format = LetterFormat(rawValue: letter.format) ?? .unknown
        self.bytes = letter.bytes
    }
}

extension LetterGroups.Group {
    init(_ cause: IndexedCause, topic: String) {
        let letter = cause.example
        self.init(
            fingerprint: letter.fingerprint, failureClass: letter.failureClass, code: letter.code, type: letter.type,
            message: letter.message, failedAt: letter.failedAt,
            example: LetterCoordinate(topic: topic, partition: letter.partition, offset: letter.offset),
            exampleID: letter.commandID)
        self.count = cause.count
        self.firstSeen = cause.firstSeen
        for (name, count) in cause.states { if let state = LetterState(rawValue: name) { self.states[state] = count } }
    }
}

extension LetterQuery {
    /// The filter in the index's terms.
    init(_ filter: LetterFilter, topic: String, domain: Domain) {
        self.init(topic: topic)
        if !filter.matches(domain: domain.rawValue) { self.matchNothing() }
        for condition in filter.conditions {
            switch condition {
            case .state(let state, let isWanted): self.add(.state, isWanted ? .equal : .notEqual, state.rawValue)
            case .text(let field, let comparison, let value):
                if let column = Self.text(field) { self.add(column, Comparison(comparison), value) }
            case .number(let field, let comparison, let value):
                if let column = Self.number(field) { self.add(column, Comparison(comparison), value) }
                if let column = Self.time(field) { self.add(column, Comparison(comparison), value) }
            }
        }
    }

    private static func text(_ field: LetterField) -> Text? {
        switch field {
        case .type: .type
        case .class: .failureClass
        case .code: .code
        case .fingerprint: .fingerprint
        case .key: .key
        case .id: .commandID
        case .message: .message
        case .group: .group
        case .topic: .originTopic
        case .origin: .origin
        case .format: .format
        case .domain, .state, .partition, .offset, .replays, .attempts, .bytes, .time, .first, .age: nil
        }
    }

    private static func number(_ field: LetterField) -> Number? {
        switch field {
        case .partition: .partition
        case .offset: .offset
        case .replays: .replays
        case .attempts: .attempts
        case .bytes: .bytes
        default: nil
        }
    }

    private static func time(_ field: LetterField) -> Time? {
        switch field {
        case .time, .age: .failed
        case .first: .firstFailed
        default: nil
        }
    }
}

extension LetterQuery.Comparison {
    fileprivate init(_ comparison: LetterFilter.Operator) {
        self =
            switch comparison {
            case .equal: .equal
            case .notEqual: .notEqual
            case .contains: .contains
            case .atLeast: .atLeast
            case .atMost: .atMost
            }
    }
}
