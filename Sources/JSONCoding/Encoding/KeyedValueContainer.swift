/// The members of an object being written.
struct KeyedValueContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let state: EncodingState
    let handle: ContainerHandle

    var codingPath: [any CodingKey] {
        []
    }

    func encodeNil(forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.writeNull() }
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { try state.encode(value) }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        let nested = state.nested(handle, key.stringValue, isObject: true)
        return KeyedEncodingContainer(KeyedValueContainer<NestedKey>(state: state, handle: nested))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        UnkeyedValueContainer(state: state, handle: state.nested(handle, key.stringValue, isObject: false))
    }

    func superEncoder() -> any Encoder {
        ValueEncoder(state: state, slot: state.slot(handle, PathKey.superKey.stringValue))
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        ValueEncoder(state: state, slot: state.slot(handle, key.stringValue))
    }

    func encode(_ value: Bool, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: String, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Double, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { try state.write(value) }
    }

    func encode(_ value: Float, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { try state.write(value) }
    }

    func encode(_ value: Int, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Int8, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Int16, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Int32, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Int64, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt8, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt16, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt32, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt64, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: Int128, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }

    func encode(_ value: UInt128, forKey key: Key) throws {
        try state.element(handle, key.stringValue) { state.buffer.write(value) }
    }
}
