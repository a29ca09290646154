import Commands

/// Which dead letters are meant: terms that all must hold.
package struct LetterFilter: Sendable {
    package enum Operator: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        /// Capitals and small letters of ASCII are the same to it.
        case contains = "~"
        case atLeast = ">="
        case atMost = "<="
    }

    enum Value: Sendable {
        case text([UInt8])
        /// Numbers, and times in microseconds since 1970.
        case number(Int64)
        case state(LetterState)
    }

    struct Term: Sendable {
        var field: LetterField
        var comparison: Operator
        var value: Value
    }

    var terms: [Term] = []
    /// As it was written; empty for everything.
    package private(set) var text = ""

    /// Everything.
    package init() {}

    /// Reads a filter, for example `class=permanent code!=DECLINED message~"no route" time>=2h`.
    ///
    /// - Parameter now: Microseconds since 1970, for times that are given as an age.
    package init(_ text: String, now: Int64) throws(LetterFilterError) {
        self.text = text
        self.terms = try LetterFilterParser(text: text, now: now).terms()
    }

    /// A term added by a program.
    mutating func add(_ field: LetterField, _ comparison: Operator, _ value: Value) {
        self.terms.append(Term(field: field, comparison: comparison, value: value))
    }

    /// Only letters that were given up before the moment, in microseconds since 1970.
    package mutating func limit(until moment: Int64) { self.add(.time, .atMost, .number(moment)) }

    package var isEmpty: Bool { self.terms.isEmpty }

    /// One term, for those who answer it elsewhere.
    package enum Condition: Sendable {
        /// What must be contained is in small letters.
        case text(LetterField, Operator, String)
        /// Times are in microseconds since 1970.
        case number(LetterField, Operator, Int64)
        case state(LetterState, isWanted: Bool)
    }

    /// All terms but those about the domain.
    package var conditions: [Condition] {
        self.terms.filter { $0.field != .domain }.map { term in
            switch term.value {
            case .text(let bytes): .text(term.field, term.comparison, String(decoding: bytes, as: UTF8.self))
            case .number(let number): .number(term.field, term.comparison, number)
            case .state(let state): .state(state, isWanted: term.comparison == .equal)
            }
        }
    }

    /// Whether the terms about the domain hold.
    package func matches(domain: String) -> Bool {
        self.terms.allSatisfy { term in
            guard term.field == .domain, case .text(let wanted) = term.value else { return true }
            return Self.compare(domain.utf8, term.comparison, wanted)
        }
    }

    /// Whether the letter's state matters: then it must be looked up.
    package var asksForState: Bool { self.terms.contains { $0.field == .state } }

    // MARK: - Matching

    package func matches(_ letter: DeadLetter, _ state: LetterState, domain: String) -> Bool {
        for term in self.terms where !self.holds(term, letter, state, domain) { return false }
        return true
    }

    private func holds(_ term: Term, _ letter: DeadLetter, _ state: LetterState, _ domain: String) -> Bool {
        switch term.value {
        case .state(let wanted): return (state == wanted) == (term.comparison == .equal)
        case .number(let wanted):
            guard let number = letter.number(of: term.field) else { return term.comparison == .notEqual }
            switch term.comparison {
            case .equal: return number == wanted
            case .notEqual: return number != wanted
            case .atLeast: return number >= wanted
            case .atMost: return number <= wanted
            case .contains: return false
            }
        case .text(let wanted):
            if term.field == .domain { return Self.compare(domain.utf8, term.comparison, wanted) }
            return letter.withText(of: term.field) { Self.compare($0, term.comparison, wanted) }
        }
    }

    /// A missing value is as an empty one, but for the class.
    private static func compare(
        _ text: some BidirectionalCollection<UInt8>, _ comparison: Operator, _ wanted: [UInt8]
    ) -> Bool {
        switch comparison {
        case .equal: text.elementsEqual(wanted)
        case .notEqual: !text.elementsEqual(wanted)
        case .contains: self.contains(text, wanted)
        case .atLeast, .atMost: false
        }
    }

    /// `wanted` is in small letters.
    private static func contains(_ text: some BidirectionalCollection<UInt8>, _ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        var start = text.startIndex
        var left = text.count
        while left >= wanted.count {
            if Self.small(text[start]) == first {
                var index = start
                var isSame = true
                for byte in wanted {
                    guard Self.small(text[index]) == byte else {
                        isSame = false
                        break
                    }
                    index = text.index(after: index)
                }
                if isSame { return true }
            }
            start = text.index(after: start)
            left -= 1
        }
        return false
    }

    static func small(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }

    // MARK: - Narrowing

    /// The part of a partition that can hold matches; nil when none does.
    package func narrowed(_ range: PartitionRange) -> PartitionRange? {
        var range = range
        for term in self.terms {
            guard case .number(let wanted) = term.value else { continue }
            let partition = Int64(range.partition)
            switch (term.field, term.comparison) {
            case (.partition, .equal) where partition != wanted: return nil
            case (.partition, .notEqual) where partition == wanted: return nil
            case (.partition, .atLeast) where partition < wanted: return nil
            case (.partition, .atMost) where partition > wanted: return nil
            case (.offset, .equal):
                range.low = max(range.low, wanted)
                range.end = min(range.end, wanted &+ 1)
            case (.offset, .atLeast): range.low = max(range.low, wanted)
            case (.offset, .atMost): range.end = min(range.end, wanted == .max ? wanted : wanted + 1)
            default: break
            }
        }
        return range.low < range.end ? range : nil
    }
}

extension DeadLetter {
    /// A text field's bytes; nil when the letter has no such thing.
    package func bytes(of field: LetterField) -> ArraySlice<UInt8>? {
        func slice(_ span: ByteSpan, _ record: Record) -> ArraySlice<UInt8>? { span.isNull ? nil : record[span] }
        return switch field {
        case .type: slice(self.typeSpan, self.view)
        case .id: slice(self.idSpan, self.view)
        case .class: slice(self.classSpan, self.record) ?? Array(Self.unknownClass.utf8)[...]
        case .code: slice(self.codeSpan, self.record)
        case .message: slice(self.messageSpan, self.record)
        case .group: slice(self.groupSpan, self.record)
        case .topic: slice(self.originTopicSpan, self.record)
        case .key: self.keyBytes
        case .fingerprint: Array(self.fingerprint.utf8)[...]
        case .origin: self.origin.map { Array($0.description.utf8)[...] }
        case .format: Array(self.format.rawValue.utf8)[...]
        default: nil
        }
    }

    func number(of field: LetterField) -> Int64? {
        switch field {
        case .partition: Int64(self.record.partition)
        case .offset: self.record.offset
        case .replays: Int64(self.replays)
        case .attempts: self.attempts.map(Int64.init)
        case .bytes: self.valueBytes.map(Int64.init) ?? 0
        case .time, .age: self.failedAt
        case .first: self.firstFailedAt
        default: nil
        }
    }

    /// The field's bytes; empty when the letter has no such thing.
    func withText<Result>(of field: LetterField, _ body: (ArraySlice<UInt8>) -> Result) -> Result {
        body(self.bytes(of: field) ?? [])
    }
}
