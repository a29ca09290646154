/// What JSON a type reads or writes, as far as its own code tells.
package indirect enum JSONSchema: Sendable, Hashable {
    /// What a text must look like.
    package enum TextFormat: Sendable, Hashable {
        case dateTime, uuid, uri, base64
    }

    /// The members of an object, in the order in which the type asks for them.
    package struct Members: Sendable, Hashable {
        /// The name of the Swift type; nil for an object that has none.
        package var name: String?
        package private(set) var list: [Member] = []

        package init(name: String? = nil) { self.name = name }

        /// Adds a member; of one that is asked for twice the first answer stands, and it is optional if either was.
        package mutating func add(_ name: String, _ schema: JSONSchema, isRequired: Bool) {
            guard let index = self.list.firstIndex(where: { $0.name == name }) else {
                self.list.append(Member(name: name, schema: schema, isRequired: isRequired))
                return
            }
            if self.list[index].schema == .any { self.list[index].schema = schema }
            if !isRequired { self.list[index].isRequired = false }
        }
    }

    package struct Member: Sendable, Hashable {
        package var name: String
        package var schema: JSONSchema
        package var isRequired: Bool
    }

    /// Any JSON, or nothing is known.
    case any
    case bool
    case integer(minimum: Int64?, maximum: Int64?)
    case number
    /// A number, or a text that is spelt as one.
    case numberOrText
    case text(TextFormat?)
    /// One of these.
    case values([JSONValue])
    case array(JSONSchema, isUnique: Bool)
    /// An object with any keys.
    case map(JSONSchema)
    case object(Members)
    case nullable(JSONSchema)

    /// What the decoder takes for a value of the type.
    package static func reading<T: Decodable>(_ type: T.Type) -> JSONSchema {
        SchemaProbe(isReading: true).inspect(type).schema
    }

    /// What the encoder writes of a value of the type: what the type's own decoding asks for, or anything when it has
    /// none.
    package static func writing<T>(_ type: T.Type) -> JSONSchema {
        guard let type = type as? any Decodable.Type else { return .any }
        func inspect<D: Decodable>(_ type: D.Type) -> JSONSchema { SchemaProbe(isReading: false).inspect(type).schema }
        return inspect(type)
    }
}
