import Commands
import JSONCoding
import PostgresClient

/// One thing with its fields, a line each, for people.
struct FieldText {
    private var fields: [(name: String, value: String)] = []

    /// Nil is left out.
    mutating func add(_ name: String, _ value: String?) {
        if let value { self.fields.append((name, value)) }
    }

    mutating func add(_ name: String, _ value: PostgresTimestamp?) { self.add(name, value?.text) }

    func print() {
        let width = self.fields.reduce(0) { max($0, $1.name.count) }
        let terminal = Terminal.output
        let lines = self.fields.map { field in
            terminal.styled((field.name + ":").padded(to: width + 2), .faint) + field.value.printable + "\n"
        }
        StandardStream.output.write(lines.joined())
    }
}

extension PostgresTimestamp {
    /// RFC 3339, UTC, microseconds.
    var text: String { RFC3339.format(self.microseconds, precision: .microseconds) }

    /// For tables: seconds are enough.
    var short: String { String(RFC3339.format(self.microseconds).prefix(19)).replacing("T", with: " ") }
}

/// Times as people give them.
enum TimeText {
    /// Microseconds since 1970: RFC 3339, or a duration from now on or ago.
    static func moment(_ text: String, now: Int64, ago: Bool, flag: String) throws -> Int64 {
        if let duration = DurationText.duration(text) {
            let moment = now + (ago ? -1 : 1) * duration.wholeMicroseconds
            return min(max(moment, RFC3339.earliest), RFC3339.latest)
        }
        guard let moment = RFC3339.parse(text) else {
            throw ToolError(
                .usage, "--\(flag) must be an RFC 3339 time such as 2030-01-31T12:00:00Z or a duration such as 2h")
        }
        return moment
    }
}
