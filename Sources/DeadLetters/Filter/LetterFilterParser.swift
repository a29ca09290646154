import Commands
import JSONCoding

/// Reads filters: `field<operator>value`, separated by spaces, values in quotes where they hold spaces.
struct LetterFilterParser {
    let text: String
    let now: Int64

    func terms() throws(LetterFilterError) -> [LetterFilter.Term] {
        var terms: [LetterFilter.Term] = []
        var rest = Substring(self.text)
        while true {
            rest = rest.drop(while: \.isWhitespace)
            guard !rest.isEmpty else { return terms }
            terms.append(try self.term(&rest))
        }
    }

    private func term(_ rest: inout Substring) throws(LetterFilterError) -> LetterFilter.Term {
        let start = rest
        let written = String(start.prefix { !$0.isWhitespace })
        let name = rest.prefix { $0.isLetter || $0 == "-" || $0 == "_" || $0 == "." }
        rest = rest.dropFirst(name.count)
        guard !name.isEmpty else {
            throw LetterFilterError(
                term: written, message: "begins with no field; write field=value, for example class=permanent")
        }
        guard let comparison = self.comparison(&rest) else {
            let hint = rest.first == ">" || rest.first == "<" ? "use >= or <=" : "use one of = != ~ >= <="
            throw LetterFilterError(term: written, message: "has no operator after \(name); \(hint)")
        }
        guard let field = LetterField(rawValue: name.lowercased()) else {
            let known = LetterField.allCases.map(\.rawValue).joined(separator: ", ")
            throw LetterFilterError(term: written, message: "there is no field \(name); there are \(known)")
        }
        if let first = rest.first, "=~<>".contains(first) {
            throw LetterFilterError(
                term: written,
                message:
                    "has \(first) after \(comparison.rawValue); use one of = != ~ >= <=, or put the value in quotes")
        }
        let value = try self.value(&rest, written)
        return try self.term(field, comparison, value, String(start.prefix(start.count - rest.count)))
    }

    private func comparison(_ rest: inout Substring) -> LetterFilter.Operator? {
        for comparison in [LetterFilter.Operator.notEqual, .atLeast, .atMost, .equal, .contains]
        where rest.hasPrefix(comparison.rawValue) {
            rest = rest.dropFirst(comparison.rawValue.count)
            return comparison
        }
        return nil
    }

    /// In quotes of either kind, where a backslash takes the next character as it is; else up to the next space.
    private func value(_ rest: inout Substring, _ written: String) throws(LetterFilterError) -> String {
        guard let quote = rest.first, quote == "\"" || quote == "'" else {
            let value = rest.prefix { !$0.isWhitespace }
            rest = rest.dropFirst(value.count)
            return String(value)
        }
        rest = rest.dropFirst()
        var value = ""
        while let character = rest.popFirst() {
            if character == quote {
                guard rest.first.map(\.isWhitespace) ?? true else {
                    throw LetterFilterError(term: written, message: "goes on after its quotes; put a space between")
                }
                return value
            }
            if character == "\\", let next = rest.popFirst() { value.append(next) } else { value.append(character) }
        }
        throw LetterFilterError(term: written, message: "the quotes are not closed")
    }

    // MARK: - Values

    private func term(
        _ field: LetterField, _ comparison: LetterFilter.Operator, _ value: String, _ written: String
    ) throws(LetterFilterError) -> LetterFilter.Term {
        func refuse(_ message: String) -> LetterFilterError { LetterFilterError(term: written, message: message) }
        switch field.kind {
        case .text:
            guard comparison != .atLeast, comparison != .atMost else {
                throw refuse("\(field.rawValue) is text: use =, != or ~")
            }
            if comparison != .contains, let known = field.values {
                let value = value.lowercased()
                guard known.contains(value) else {
                    throw refuse("there is no \(field.rawValue) \(value); there are \(known.joined(separator: ", "))")
                }
                return .init(field: field, comparison: comparison, value: .text(Array(value.utf8)))
            }
            let bytes = Array(value.utf8)
            return .init(
                field: field, comparison: comparison,
                value: .text(comparison == .contains ? bytes.map(LetterFilter.small) : bytes))
        case .state:
            let known = LetterState.allCases.map(\.rawValue).joined(separator: ", ")
            guard comparison == .equal || comparison == .notEqual else { throw refuse("use = or != with state") }
            guard let state = LetterState(rawValue: value.lowercased()) else {
                throw refuse("there is no state \(value); there are \(known)")
            }
            return .init(field: field, comparison: comparison, value: .state(state))
        case .number:
            guard comparison != .contains else { throw refuse("\(field.rawValue) is a number: ~ is for text") }
            guard let number = Int64(value) else { throw refuse("\(field.rawValue) needs a whole number") }
            return .init(field: field, comparison: comparison, value: .number(number))
        case .time:
            guard comparison != .contains else { throw refuse("\(field.rawValue) is a time: ~ is for text") }
            guard let time = Self.time(value, now: self.now) else {
                throw refuse(
                    "\(field.rawValue) needs a time such as 2026-05-04T10:00:00Z or 2026-05-04, or how long ago: 2h")
            }
            return .init(field: field, comparison: comparison, value: .number(time))
        case .age:
            guard comparison == .atLeast || comparison == .atMost else { throw refuse("use >= or <= with age") }
            guard let age = DurationText.milliseconds(value) else {
                throw refuse("age needs a duration such as 90s, 2h or 7d")
            }
            let moment = self.now.subtractingReportingOverflow(age.multipliedReportingOverflow(by: 1000).partialValue)
            // Older than an age is before a time.
            return .init(
                field: .time, comparison: comparison == .atLeast ? .atMost : .atLeast,
                value: .number(moment.partialValue))
        }
    }

    /// Microseconds since 1970: RFC 3339, a date (its midnight, UTC), or so long before now.
    static func time(_ text: String, now: Int64) -> Int64? {
        if let time = RFC3339.parse(text) { return time }
        if text.utf8.count == 10, let day = RFC3339.parse(text + "T00:00:00Z") { return day }
        guard let age = DurationText.milliseconds(text) else { return nil }
        return now.subtractingReportingOverflow(age.multipliedReportingOverflow(by: 1000).partialValue).partialValue
    }
}

/// Moments as filters and flags spell them.
package enum LetterTime {
    /// Microseconds since 1970: RFC 3339, a date, or a time ago; nil for anything else.
    package static func parse(_ text: String, now: Int64) -> Int64? { LetterFilterParser.time(text, now: now) }
}
