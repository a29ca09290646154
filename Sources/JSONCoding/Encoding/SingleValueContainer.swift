/// A value which is written without a container.
struct SingleValueContainer: SingleValueEncodingContainer {
    let encoder: ValueEncoder

    var codingPath: [any CodingKey] {
        []
    }

    private var state: EncodingState {
        encoder.state
    }

    func encodeNil() throws {
        try encoder.single { state.buffer.writeNull() }
    }

    func encode<T: Encodable>(_ value: T) throws {
        try encoder.single { try state.encode(value) }
    }

    func encode(_ value: Bool) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: String) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Double) throws {
        try encoder.single { try state.write(value) }
    }

    func encode(_ value: Float) throws {
        try encoder.single { try state.write(value) }
    }

    func encode(_ value: Int) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Int8) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Int16) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Int32) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Int64) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt8) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt16) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt32) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt64) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: Int128) throws {
        try encoder.single { state.buffer.write(value) }
    }

    func encode(_ value: UInt128) throws {
        try encoder.single { state.buffer.write(value) }
    }
}
