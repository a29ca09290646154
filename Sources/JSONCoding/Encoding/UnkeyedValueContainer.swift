/// The elements of an array being written.
struct UnkeyedValueContainer: UnkeyedEncodingContainer {
    let state: EncodingState
    let handle: ContainerHandle
    private(set) var count = 0

    init(state: EncodingState, handle: ContainerHandle) {
        self.state = state
        self.handle = handle
    }

    var codingPath: [any CodingKey] {
        []
    }

    mutating func encodeNil() throws {
        try element { $0.buffer.writeNull() }
    }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try element { try $0.encode(value) }
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        count += 1
        let nested = state.nested(handle, nil, isObject: true)
        return KeyedEncodingContainer(KeyedValueContainer<NestedKey>(state: state, handle: nested))
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        count += 1
        return UnkeyedValueContainer(state: state, handle: state.nested(handle, nil, isObject: false))
    }

    mutating func superEncoder() -> any Encoder {
        count += 1
        return ValueEncoder(state: state, slot: state.slot(handle, nil))
    }

    @inline(__always)
    private mutating func element(_ write: (EncodingState) throws -> Void) throws {
        try state.element(handle, nil) { try write(state) }
        count += 1
    }

    mutating func encode(_ value: Bool) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: String) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Double) throws {
        try element { try $0.write(value) }
    }

    mutating func encode(_ value: Float) throws {
        try element { try $0.write(value) }
    }

    mutating func encode(_ value: Int) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Int8) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Int16) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Int32) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Int64) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt8) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt16) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt32) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt64) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: Int128) throws {
        try element { $0.buffer.write(value) }
    }

    mutating func encode(_ value: UInt128) throws {
        try element { $0.buffer.write(value) }
    }
}
