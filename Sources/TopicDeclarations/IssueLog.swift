import Yams

/// The mistakes found so far in one file, and how to read values from it.
struct IssueLog {
    let file: String
    private(set) var issues: [TopicDeclarationError.Issue] = []

    init(file: String) { self.file = file }

    mutating func add(_ mark: Mark?, _ key: String, _ message: String) {
        self.add(line: mark?.line ?? 0, column: mark?.column ?? 0, key, message)
    }

    mutating func add(line: Int, column: Int, _ key: String, _ message: String) {
        self.issues.append(.init(file: self.file, line: line, column: column, key: key, message: message))
    }

    /// The pairs of a mapping, with keys that are no text reported and left out.
    mutating func pairs(_ node: Node, _ key: String, expecting what: String) -> [Pair] {
        guard let mapping = node.mapping else {
            self.add(node.mark, key, "must be a mapping of \(what), not \(Self.kind(of: node))")
            return []
        }
        return mapping.compactMap { name, value in
            guard let text = name.scalar?.string else {
                self.add(name.mark, key, "has \(Self.kind(of: name)) for a key: write a name")
                return nil
            }
            return Pair(name: text, key: key.isEmpty ? text : "\(key).\(text)", mark: name.mark, value: value)
        }
    }

    mutating func text(_ pair: Pair) -> String? {
        guard let scalar = pair.value.scalar, pair.value.tag == Tag(.str) else {
            self.add(pair.value.mark, pair.key, "must be text, not \(Self.kind(of: pair.value))")
            return nil
        }
        guard scalar.string.contains(where: { !$0.isWhitespace }) else {
            self.add(pair.value.mark, pair.key, "is empty: write some text")
            return nil
        }
        return scalar.string
    }

    mutating func integer(_ pair: Pair, in range: ClosedRange<Int>) -> Int? {
        guard pair.value.tag == Tag(.int), let value = pair.value.scalar.flatMap({ Int($0.string) }) else {
            self.add(pair.value.mark, pair.key, "must be a whole number, not \(Self.kind(of: pair.value))")
            return nil
        }
        guard range.contains(value) else {
            self.add(
                pair.value.mark, pair.key,
                value < range.lowerBound
                    ? "must be at least \(range.lowerBound)" : "must be at most \(range.upperBound)")
            return nil
        }
        return value
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(_ pair: Pair, of type: Value.Type) -> Value?
    where Value.RawValue == String {
        if let value = pair.value.scalar.flatMap({ Value(rawValue: $0.string) }) { return value }
        self.add(
            pair.value.mark, pair.key,
            "must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    static func kind(of node: Node) -> String {
        switch node {
        case .mapping: return "a mapping"
        case .sequence: return "a list"
        case .alias: return "an alias"
        case .scalar(let scalar):
            if node.tag == Tag(.null) { return "nothing" }
            if node.tag == Tag(.str) { return "the text '\(scalar.string.prefix(40))'" }
            return "'\(scalar.string.prefix(40))'"
        }
    }
}

/// One entry of a mapping and where it stands.
struct Pair {
    var name: String
    /// The dotted path for messages.
    var key: String
    /// Where the name stands.
    var mark: Mark?
    var value: Node
}
