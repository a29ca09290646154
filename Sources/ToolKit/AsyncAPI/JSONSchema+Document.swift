import JSONCoding

extension JSONSchema {
    /// The schema as JSON Schema draft 7 has it, which is what AsyncAPI's schema objects build on.
    var document: DocumentTree {
        switch self {
        case .any: [:]
        case .bool: ["type": "boolean"]
        case .integer(let minimum, let maximum): Self.integer(minimum, maximum)
        case .number: ["type": "number"]
        case .numberOrText: ["anyOf": [["type": "number"], ["type": "string", "pattern": .text(Self.decimal)]]]
        case .text(let format): Self.text(format)
        case .values(let values): Self.values(values)
        case .array(let element, let isUnique): Self.array(element, isUnique)
        case .map(let value): ["type": "object", "additionalProperties": value.document]
        case .object(let members): Self.object(members)
        case .nullable(.any): [:]
        case .nullable(let schema): ["anyOf": [schema.document, ["type": "null"]]]
        }
    }

    /// How a number is spelt in JSON, and decimals in texts.
    private static let decimal = #"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"#

    private static func integer(_ minimum: Int64?, _ maximum: Int64?) -> DocumentTree {
        var tree: DocumentTree = ["type": "integer"]
        tree.add("minimum", minimum.map { .integer($0) })
        tree.add("maximum", maximum.map { .integer($0) })
        return tree
    }

    private static func text(_ format: TextFormat?) -> DocumentTree {
        switch format {
        case nil: ["type": "string"]
        case .dateTime: ["type": "string", "format": "date-time"]
        case .uuid: ["type": "string", "format": "uuid"]
        case .uri: ["type": "string", "format": "uri-reference"]
        case .base64: ["type": "string", "contentEncoding": "base64"]
        }
    }

    private static func values(_ values: [JSONValue]) -> DocumentTree {
        let isText = values.allSatisfy { $0.stringValue != nil }
        let list = values.map { value -> DocumentTree in
            value.stringValue.map { .text($0) } ?? .integer(value.numberValue?.int64 ?? 0)
        }
        return ["type": isText ? "string" : "integer", "enum": .array(list)]
    }

    private static func array(_ element: JSONSchema, _ isUnique: Bool) -> DocumentTree {
        var tree: DocumentTree = ["type": "array"]
        if element != .any { tree.add("items", element.document) }
        if isUnique { tree.add("uniqueItems", true) }
        return tree
    }

    private static func object(_ members: Members) -> DocumentTree {
        var tree: DocumentTree = ["type": "object"]
        tree.add("title", members.name.map { .text($0) })
        guard !members.list.isEmpty else { return tree }
        tree.add("properties", .object(members.list.map { ($0.name, $0.schema.document) }))
        let required = members.list.filter(\.isRequired).map { DocumentTree.text($0.name) }
        if !required.isEmpty { tree.add("required", .array(required)) }
        return tree
    }
}
