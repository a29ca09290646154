extension KeyedNodeContainer {
    /// Reads the value of a key with a function of the state.
    @inline(__always)
    private func scalar<T>(
        _ key: Key,
        _ placeholder: @autoclosure () -> T,
        _ read: (Int) throws -> T
    ) throws -> T {
        let node = find(key)
        return node < 0 ? try state.missing(key, in: object, placeholder()) : try read(node)
    }

    /// Reads the value of a key with a function of the state unless it is null or absent.
    @inline(__always)
    private func optional<T>(_ key: Key, _ read: (Int) throws -> T) throws -> T? {
        let node = find(key)
        return state.isNull(node) ? nil : try read(node)
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        try scalar(key, state.collector.seed.bool) { try state.bool(at: $0) }
    }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        try scalar(key, state.collector.seed.text) { try state.string(at: $0) }
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        try scalar(key, Double(state.collector.seed.number)) { try state.double(at: $0) }
    }

    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        try scalar(key, Float(state.collector.seed.number)) { try state.float(at: $0) }
    }

    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        try scalar(key, Int(state.collector.seed.number)) { try state.integer(Int.self, at: $0) }
    }

    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
        try scalar(key, Int8(state.collector.seed.number)) { try state.integer(Int8.self, at: $0) }
    }

    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
        try scalar(key, Int16(state.collector.seed.number)) { try state.integer(Int16.self, at: $0) }
    }

    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
        try scalar(key, Int32(state.collector.seed.number)) { try state.integer(Int32.self, at: $0) }
    }

    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        try scalar(key, Int64(state.collector.seed.number)) { try state.integer(Int64.self, at: $0) }
    }

    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
        try scalar(key, UInt(state.collector.seed.number)) { try state.integer(UInt.self, at: $0) }
    }

    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
        try scalar(key, UInt8(state.collector.seed.number)) { try state.integer(UInt8.self, at: $0) }
    }

    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
        try scalar(key, UInt16(state.collector.seed.number)) { try state.integer(UInt16.self, at: $0) }
    }

    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
        try scalar(key, UInt32(state.collector.seed.number)) { try state.integer(UInt32.self, at: $0) }
    }

    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
        try scalar(key, UInt64(state.collector.seed.number)) { try state.integer(UInt64.self, at: $0) }
    }

    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 {
        try scalar(key, Int128(state.collector.seed.number)) { try state.integer(Int128.self, at: $0) }
    }

    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 {
        try scalar(key, UInt128(state.collector.seed.number)) { try state.integer(UInt128.self, at: $0) }
    }
}

extension KeyedNodeContainer {
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        try optional(key) { try state.bool(at: $0) }
    }

    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        try optional(key) { try state.string(at: $0) }
    }

    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        try optional(key) { try state.double(at: $0) }
    }

    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
        try optional(key) { try state.float(at: $0) }
    }

    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try optional(key) { try state.integer(Int.self, at: $0) }
    }

    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? {
        try optional(key) { try state.integer(Int8.self, at: $0) }
    }

    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? {
        try optional(key) { try state.integer(Int16.self, at: $0) }
    }

    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
        try optional(key) { try state.integer(Int32.self, at: $0) }
    }

    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        try optional(key) { try state.integer(Int64.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? {
        try optional(key) { try state.integer(UInt.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? {
        try optional(key) { try state.integer(UInt8.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? {
        try optional(key) { try state.integer(UInt16.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
        try optional(key) { try state.integer(UInt32.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
        try optional(key) { try state.integer(UInt64.self, at: $0) }
    }

    func decodeIfPresent(_ type: Int128.Type, forKey key: Key) throws -> Int128? {
        try optional(key) { try state.integer(Int128.self, at: $0) }
    }

    func decodeIfPresent(_ type: UInt128.Type, forKey key: Key) throws -> UInt128? {
        try optional(key) { try state.integer(UInt128.self, at: $0) }
    }
}
