import JSONCoding
import Yams

/// A document under construction: its members keep the order in which they are written down.
indirect enum DocumentTree: Sendable {
    case text(String)
    case integer(Int64)
    case bool(Bool)
    case array([DocumentTree])
    case object([(name: String, value: DocumentTree)])

    /// A reference to another place of the document, each step escaped as JSON pointers want it (RFC 6901).
    static func reference(_ steps: String...) -> DocumentTree {
        let path = steps.map { $0.replacing("~", with: "~0").replacing("/", with: "~1") }
        return ["$ref": .text("#/" + path.joined(separator: "/"))]
    }

    /// Adds a member; nil adds none.
    mutating func add(_ name: String, _ value: DocumentTree?) {
        guard case .object(var members) = self, let value else { return }
        members.append((name, value))
        self = .object(members)
    }

    /// Indented JSON.
    var json: String {
        var text = ""
        self.write(to: &text, indent: "")
        return text + "\n"
    }

    private func write(to text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .text(let value): text += Self.quoted(value)
        case .integer(let value): text += "\(value)"
        case .bool(let value): text += "\(value)"
        case .array(let elements):
            guard !elements.isEmpty else { return text += "[]" }
            for (index, element) in elements.enumerated() {
                text += (index == 0 ? "[\n" : ",\n") + inner
                element.write(to: &text, indent: inner)
            }
            text += "\n\(indent)]"
        case .object(let members):
            guard !members.isEmpty else { return text += "{}" }
            for (index, member) in members.enumerated() {
                text += (index == 0 ? "{\n" : ",\n") + inner + Self.quoted(member.name) + ": "
                member.value.write(to: &text, indent: inner)
            }
            text += "\n\(indent)}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    /// The same as YAML.
    ///
    /// - Throws: What Yams cannot write.
    func yaml() throws -> String { try Yams.serialize(node: self.node, width: 100, allowUnicode: true) }

    private var node: Node {
        switch self {
        case .text(let value): Self.scalar(value)
        case .integer(let value): Node("\(value)")
        case .bool(let value): Node("\(value)")
        case .array(let elements): Node(elements.map(\.node))
        case .object(let members): Node(members.map { (Self.scalar($0.name), $0.value.node) })
        }
    }

    /// Quoted where it would be read as something else than text.
    private static func scalar(_ text: String) -> Node {
        let plain = Node(text)
        let isText = plain.tag == Tag(.str) && !text.isEmpty && !Self.oldBooleans.contains(text.lowercased())
        return isText ? plain : Node(text, Tag(.str), .doubleQuoted)
    }

    /// What YAML 1.1 takes for true and false besides those words.
    private static let oldBooleans: Set<String> = ["y", "n", "yes", "no", "on", "off"]
}

extension DocumentTree: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    init(stringLiteral value: String) { self = .text(value) }
}

extension DocumentTree: ExpressibleByBooleanLiteral {
    init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension DocumentTree: ExpressibleByIntegerLiteral {
    init(integerLiteral value: Int64) { self = .integer(value) }
}

extension DocumentTree: ExpressibleByArrayLiteral {
    init(arrayLiteral elements: DocumentTree...) { self = .array(elements) }
}

extension DocumentTree: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral elements: (String, DocumentTree)...) {
        self = .object(elements.map { (name: $0.0, value: $0.1) })
    }
}
