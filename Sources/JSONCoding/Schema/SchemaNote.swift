/// What one value was asked for.
final class SchemaNote {
    private enum Kind { case nothing, single, array, object }

    /// What was asked of a member or an element: a value, or a container of its own, whose notes come in later.
    private enum Part {
        case value(JSONSchema)
        case container(SchemaNote)

        var schema: JSONSchema {
            switch self {
            case .value(let schema): schema
            case .container(let note): note.schema(named: nil, isWhole: false)
            }
        }
    }

    private var kind = Kind.nothing
    private var single: JSONSchema?
    private var isNullable = false
    private var elements: [Part] = []
    private var members: [(name: String, part: Part, isRequired: Bool)] = []
    /// Members that the type asked to be there or null before it read them.
    private var optional: Set<String> = []

    func asksForObject() { self.kind = .object }
    func asksForArray() { if self.kind != .object { self.kind = .array } }
    func asksForNull() { self.isNullable = true }

    func asks(_ schema: JSONSchema) {
        if self.kind == .nothing { self.kind = .single }
        self.single = self.single ?? schema
    }

    func element(_ schema: JSONSchema) { self.elements.append(.value(schema)) }

    /// The notes of an element that is a container.
    func element() -> SchemaNote {
        let note = SchemaNote()
        self.elements.append(.container(note))
        return note
    }

    func member(_ name: String, _ schema: JSONSchema, isRequired: Bool) {
        self.members.append((name, .value(schema), isRequired))
    }

    /// The notes of a member that is a container.
    func member(_ name: String) -> SchemaNote {
        let note = SchemaNote()
        self.members.append((name, .container(note), true))
        return note
    }

    func isOptional(_ name: String) { self.optional.insert(name) }

    /// - Parameters:
    ///   - name: The type's name.
    ///   - isWhole: Whether the type took what it was given.
    func schema(named name: String?, isWhole: Bool) -> JSONSchema {
        switch self.kind {
        case .nothing:
            // A structure without members reads nothing.
            return isWhole ? .object(JSONSchema.Members(name: name)) : .any
        case .single:
            let schema = self.single ?? .any
            return self.isNullable && schema != .any ? .nullable(schema) : schema
        case .array:
            let schemas = self.elements.map(\.schema)
            let first = schemas.first ?? .any
            return .array(schemas.allSatisfy { $0 == first } ? first : .any, isUnique: false)
        case .object:
            var members = JSONSchema.Members(name: name)
            for member in self.members {
                members.add(
                    member.name, member.part.schema,
                    isRequired: member.isRequired && !self.optional.contains(member.name))
            }
            return .object(members)
        }
    }
}
