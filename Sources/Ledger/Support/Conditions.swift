import PostgresClient

/// The conditions of a search and their parameters, in step with each other.
struct Conditions {
    private(set) var parameters: [PostgresValue] = []
    private var terms: [String] = []

    /// - Parameter term: SQL with `?` in place of each value.
    mutating func add(_ term: StaticString, _ values: PostgresValue...) {
        let parts = "\(term)".split(separator: "?", omittingEmptySubsequences: false)
        precondition(parts.count == values.count + 1)
        var text = String(parts[0])
        for (value, part) in zip(values, parts.dropFirst()) { text += self.parameter(value) + part }
        self.terms.append(text)
    }

    /// Adds a parameter that no condition belongs to; returns its name.
    mutating func parameter(_ value: PostgresValue) -> String {
        self.parameters.append(value)
        return "$\(self.parameters.count)"
    }

    /// `WHERE …`, or nothing.
    var clause: String { self.terms.isEmpty ? "" : "WHERE " + self.terms.joined(separator: " AND ") }
}
