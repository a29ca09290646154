import PostgresClient

/// Which letters of the index are meant: all that is added must hold.
package struct LetterQuery: Sendable {
    package enum Text: String, Sendable {
        case type, key, code, message, fingerprint, format
        /// Letters of other programs have none.
        case failureClass = "COALESCE(class, 'unknown')"
        case commandID = "command_id"
        case group = "consumer_group"
        case originTopic = "origin_topic"
        /// `topic/partition/offset`, where all three are known.
        case origin = "(origin_topic || '/' || origin_partition || '/' || origin_offset)"
        case state
    }

    package enum Number: String, Sendable {
        case partition, replays, attempts
        case offset = "record_offset"
        /// None counts as 0.
        case bytes = "COALESCE(bytes, 0)"
    }

    package enum Time: String, Sendable {
        case failed = "failed_at"
        case firstFailed = "first_failed_at"
    }

    package enum Comparison: Sendable {
        case equal, notEqual, contains, atLeast, atMost
    }

    let topic: String
    private var terms: [Term] = []

    private struct Term: Sendable {
        /// SQL with `?` in place of the value.
        var text: String
        var value: PostgresValue
    }

    package init(topic: String) { self.topic = topic }

    /// Text that is missing is as empty text.
    ///
    /// - Parameter value: For `contains` in small letters: those of ASCII are compared with capitals alike.
    package mutating func add(_ column: Text, _ comparison: Comparison, _ value: String) {
        let name = column.rawValue
        let small = "translate(COALESCE(\(name), ''), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
        let text: String? =
            switch comparison {
            case .equal: value.isEmpty ? "COALESCE(\(name), '') = ?" : "\(name) = ?"
            case .notEqual: "COALESCE(\(name), '') <> ?"
            case .contains: "strpos(\(small), ?) > 0"
            case .atLeast, .atMost: nil
            }
        if let text { self.terms.append(Term(text: text, value: .text(value))) }
    }

    package mutating func add(_ column: Number, _ comparison: Comparison, _ value: Int64) {
        self.add(column.rawValue, comparison, .int64(value))
    }

    /// - Parameter value: Microseconds since 1970.
    package mutating func add(_ column: Time, _ comparison: Comparison, _ value: Int64) {
        // Beyond what PostgreSQL can tell, where no letter is.
        let near = min(max(value, -62_135_596_800_000_000), 253_402_300_800_000_000)
        self.add(column.rawValue, comparison, .timestamp(PostgresTimestamp(microseconds: near)))
    }

    private mutating func add(_ name: String, _ comparison: Comparison, _ value: PostgresValue) {
        let sign: String? =
            switch comparison {
            case .equal: "="
            case .notEqual: "IS DISTINCT FROM"
            case .atLeast: ">="
            case .atMost: "<="
            case .contains: nil
            }
        if let sign { self.terms.append(Term(text: "\(name) \(sign) ?", value: value)) }
    }

    mutating func addTrusted(_ text: String, _ value: PostgresValue) {
        self.terms.append(Term(text: text, value: value))
    }

    /// A condition that holds for no letter.
    package mutating func matchNothing() { self.terms.append(Term(text: "topic IS NULL AND ? = ''", value: .text(""))) }

    /// The condition, and its parameters from the first on.
    var condition: (text: String, parameters: [PostgresValue]) {
        var parameters: [PostgresValue] = [.text(self.topic)]
        var texts = ["topic = $1"]
        for term in self.terms {
            parameters.append(term.value)
            texts.append(term.text.replacing("?", with: "$\(parameters.count)"))
        }
        return (texts.joined(separator: " AND "), parameters)
    }
}
