/// The encoder of one value.
struct ValueEncoder: Encoder {
    let state: EncodingState
    /// The number of open containers around the value.
    let depth: Int32
    /// The name of the place which is kept for the value, or 0 when it goes to the end of the buffer.
    let slot: Int32
    /// The length of the buffer before the value.
    let start: Int

    init(state: EncodingState, depth: Int32, slot: Int32, start: Int) {
        self.state = state
        self.depth = depth
        self.slot = slot
        self.start = start
    }

    /// The encoder of a value for which a place is kept.
    init(state: EncodingState, slot: Int) {
        self.init(state: state, depth: -1, slot: Int32(truncatingIfNeeded: slot), start: 0)
    }

    var codingPath: [any CodingKey] {
        []
    }

    var userInfo: [CodingUserInfoKey: Any] {
        [:]
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let isSorted = ObjectIdentifier(type) == DictionaryKeys.type
        let handle = container(isObject: true, isSorted: isSorted)
        return KeyedEncodingContainer(KeyedValueContainer<Key>(state: state, handle: handle))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedValueContainer(state: state, handle: container(isObject: false, isSorted: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleValueContainer(encoder: self)
    }

    /// The container of the value, which a type may ask for more than once.
    @inline(__always)
    private func container(isObject: Bool, isSorted: Bool) -> ContainerHandle {
        if slot != 0 {
            if !state.openSlot(Int(slot), isObject: isObject) {
                fail()
            }
            return ContainerHandle(id: Int(slot), depth: -1)
        }
        let depth = Int(depth)
        if state.stack.count > depth {
            let frame = state.stack[depth]
            if frame.isObject != isObject {
                fail()
            }
            return ContainerHandle(id: frame.id, depth: depth)
        }
        if state.buffer.count != start {
            fail()
        }
        return state.push(isObject: isObject, isNested: false, isSorted: isSorted)
    }

    /// Writes the value without a container.
    @inline(__always)
    func single(_ write: () throws -> Void) throws {
        if slot != 0 {
            return try state.fillSlot(Int(slot), write)
        }
        guard state.buffer.count == start else {
            throw EncodingState.error(start, "The value is encoded twice.")
        }
        try write()
    }

    private func fail() {
        state.failure = EncodingState.error(start, "The value is encoded as two different kinds.")
    }
}

/// Recognises the coding keys which the standard library uses for dictionaries.
enum DictionaryKeys {
    /// The identity of the key type.
    static let type: ObjectIdentifier? = {
        let probe = Probe()
        try? ["": 0].encode(to: probe)
        return probe.found
    }()

    private final class Probe: Encoder {
        var found: ObjectIdentifier?
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }
        private let state = EncodingState()

        func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
            found = ObjectIdentifier(type)
            let handle = state.push(isObject: true, isNested: false)
            return KeyedEncodingContainer(KeyedValueContainer<Key>(state: state, handle: handle))
        }

        func unkeyedContainer() -> any UnkeyedEncodingContainer {
            UnkeyedValueContainer(state: state, handle: state.push(isObject: false, isNested: false))
        }

        func singleValueContainer() -> any SingleValueEncodingContainer {
            SingleValueContainer(encoder: ValueEncoder(state: state, depth: 0, slot: 0, start: 0))
        }
    }
}
