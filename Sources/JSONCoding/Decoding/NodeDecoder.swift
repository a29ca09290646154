/// The decoder of one value.
struct NodeDecoder: Decoder {
    let state: DecodingState
    let node: Int

    var codingPath: [any CodingKey] {
        state.path(to: node)
    }

    var userInfo: [CodingUserInfoKey: Any] {
        [:]
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(KeyedNodeContainer<Key>(state: state, object: try state.object(node)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        UnkeyedNodeContainer(state: state, array: try state.array(node))
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        SingleNodeContainer(state: state, node: node)
    }
}

extension DecodingState {
    /// The value if it is an object; otherwise throws, or records the problem and returns `void`.
    @inline(__always)
    func object(_ node: Int) throws -> Int {
        if isKind(.object, node) {
            return node
        }
        return try reject(node, .type, "must be an object", [String: JSONValue].self, Self.void)
    }

    /// The value if it is an array; otherwise throws, or records the problem and returns `void`.
    @inline(__always)
    func array(_ node: Int) throws -> Int {
        if isKind(.array, node) {
            return node
        }
        return try reject(node, .type, "must be an array", [JSONValue].self, Self.void)
    }
}
