/// Any JSON value.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    /// An object, whose members are written in the order of their keys.
    case object([String: JSONValue])

    /// Copies a value out of a document; of keys which Unicode considers equal the last wins.
    public init(_ node: JSONNode) {
        switch node.kind {
        case .null:
            self = .null
        case .bool:
            self = .bool(node.boolValue ?? false)
        case .number:
            self = .number(JSONNumber(unchecked: node.document.numberText(at: node.index)))
        case .string:
            self = .string(node.document.text(at: node.index))
        case .array:
            var elements: [JSONValue] = []
            elements.reserveCapacity(node.count)
            for element in node.elements {
                elements.append(JSONValue(element))
            }
            self = .array(elements)
        case .object:
            var members: [String: JSONValue] = [:]
            members.reserveCapacity(node.count)
            for (key, value) in node.members {
                members[key] = JSONValue(value)
            }
            self = .object(members)
        }
    }

    /// Creates a whole number.
    public static func integer(_ value: some FixedWidthInteger) -> JSONValue {
        .number(JSONNumber(value))
    }

    /// The kind of the value.
    public var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// The member with a key; setting one turns a value of another kind into an object, setting nil removes it.
    public subscript(key: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else {
                return nil
            }
            return members[key]
        }
        set {
            var members: [String: JSONValue] = [:]
            if case .object(let existing) = self {
                members = existing
            }
            self = .null
            members[key] = newValue
            self = .object(members)
        }
    }

    /// The element at a position, or nil when there is none.
    public subscript(position: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(position) else {
            return nil
        }
        return elements[position]
    }

    /// The text of a string, or nil.
    public var stringValue: String? {
        guard case .string(let text) = self else {
            return nil
        }
        return text
    }

    /// The boolean, or nil.
    public var boolValue: Bool? {
        guard case .bool(let value) = self else {
            return nil
        }
        return value
    }

    /// The number, or nil.
    public var numberValue: JSONNumber? {
        guard case .number(let number) = self else {
            return nil
        }
        return number
    }

    /// The elements of an array, or nil.
    public var arrayValue: [JSONValue]? {
        guard case .array(let elements) = self else {
            return nil
        }
        return elements
    }

    /// The members of an object, or nil.
    public var objectValue: [String: JSONValue]? {
        guard case .object(let members) = self else {
            return nil
        }
        return members
    }
}
