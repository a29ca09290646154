/// A decoder that has whatever is asked for, and notes it.
struct ProbeDecoder: Decoder {
    let probe: SchemaProbe
    let note: SchemaNote

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        self.note.asksForObject()
        return KeyedDecodingContainer(ProbeKeyedContainer(probe: self.probe, note: self.note))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer {
        self.note.asksForArray()
        return ProbeUnkeyedContainer(probe: self.probe, note: self.note)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer {
        ProbeSingleContainer(probe: self.probe, note: self.note)
    }
}

private struct ProbeKeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe
    let note: SchemaNote

    var codingPath: [any CodingKey] { [] }
    /// Which keys there are is what the type itself is to tell.
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool {
        self.note.isOptional(key.stringValue)
        return true
    }

    func decodeNil(forKey key: Key) -> Bool {
        self.note.isOptional(key.stringValue)
        return false
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let (schema, value) = self.probe.inspect(type)
        self.note.member(key.stringValue, schema, isRequired: true)
        guard let value else { throw SchemaProbe.NoValue() }
        return value
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) -> T? {
        self.note.member(key.stringValue, self.probe.inspect(type).schema, isRequired: false)
        return nil
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedDecodingContainer<NestedKey> {
        ProbeDecoder(probe: self.probe, note: self.note.member(key.stringValue)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer {
        ProbeDecoder(probe: self.probe, note: self.note.member(key.stringValue)).unkeyedContainer()
    }

    func superDecoder() -> any Decoder { ProbeDecoder(probe: self.probe, note: self.note) }

    func superDecoder(forKey key: Key) -> any Decoder {
        ProbeDecoder(probe: self.probe, note: self.note.member(key.stringValue))
    }
}

private struct ProbeUnkeyedContainer: UnkeyedDecodingContainer {
    let probe: SchemaProbe
    let note: SchemaNote

    var codingPath: [any CodingKey] { [] }
    var count: Int? { nil }
    private(set) var currentIndex = 0
    /// One element is enough for those who read to the end; those who know how many there are do not ask.
    var isAtEnd: Bool { self.currentIndex > 0 }

    init(probe: SchemaProbe, note: SchemaNote) {
        self.probe = probe
        self.note = note
    }

    mutating func decodeNil() -> Bool { false }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let (schema, value) = self.probe.inspect(type)
        self.note.element(schema)
        self.currentIndex += 1
        guard let value else { throw SchemaProbe.NoValue() }
        return value
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) -> KeyedDecodingContainer<NestedKey> {
        self.next().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer { self.next().unkeyedContainer() }

    mutating func superDecoder() -> any Decoder { self.next() }

    private mutating func next() -> ProbeDecoder {
        self.currentIndex += 1
        return ProbeDecoder(probe: self.probe, note: self.note.element())
    }
}

private struct ProbeSingleContainer: SingleValueDecodingContainer {
    let probe: SchemaProbe
    let note: SchemaNote

    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool {
        self.note.asksForNull()
        return false
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let (schema, value) = self.probe.inspect(type)
        self.note.asks(schema)
        guard let value else { throw SchemaProbe.NoValue() }
        return value
    }
}
