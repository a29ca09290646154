/// The members of an object.
struct KeyedNodeContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let state: DecodingState
    let object: Int

    var codingPath: [any CodingKey] {
        state.path(to: object)
    }

    var allKeys: [Key] {
        state.keys(of: object)
    }

    func contains(_ key: Key) -> Bool {
        find(key) >= 0
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        let node = find(key)
        return node < 0 ? try state.missing(key, in: object, true) : state.isNull(node)
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let node = find(key)
        if node < 0 {
            return try state.missing(key, in: object, try state.decode(type, at: DecodingState.void))
        }
        let value = try state.decode(type, at: node)
        state.resume(object, after: node)
        return value
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        let node = find(key)
        if state.isNull(node) {
            return nil
        }
        // Apart, since an optional in between would have its type looked up on every call.
        if state.isCollecting {
            return try collected(type, at: node)
        }
        let value = try state.decode(type, at: node)
        state.resume(object, after: node)
        return value
    }

    @inline(never)
    private func collected<T: Decodable>(_ type: T.Type, at node: Int) throws -> T? {
        let value = try state.collectedChild(type, at: node)
        state.resume(object, after: node)
        return value
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let node = try required(key)
        return KeyedDecodingContainer(KeyedNodeContainer<NestedKey>(state: state, object: try state.object(node)))
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        UnkeyedNodeContainer(state: state, array: try state.array(try required(key)))
    }

    func superDecoder() throws -> any Decoder {
        NodeDecoder(state: state, node: state.find(PathKey.superKey.stringValue, in: object))
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        NodeDecoder(state: state, node: find(key))
    }

    @inline(__always)
    func find(_ key: Key) -> Int {
        state.find(key.stringValue, in: object)
    }

    /// The value of a key; throws when it is absent, or records the problem and returns the absent value.
    private func required(_ key: Key) throws -> Int {
        let node = find(key)
        return node < 0 ? try state.missing(key, in: object, node) : node
    }
}
