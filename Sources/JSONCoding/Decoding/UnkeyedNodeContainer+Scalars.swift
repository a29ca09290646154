extension UnkeyedNodeContainer {
    mutating func decode(_ type: Bool.Type) throws -> Bool {
        let state = state
        return try scalar { try state.bool(at: $0) }
    }

    mutating func decode(_ type: String.Type) throws -> String {
        let state = state
        return try scalar { try state.string(at: $0) }
    }

    mutating func decode(_ type: Double.Type) throws -> Double {
        let state = state
        return try scalar { try state.double(at: $0) }
    }

    mutating func decode(_ type: Float.Type) throws -> Float {
        let state = state
        return try scalar { try state.float(at: $0) }
    }

    mutating func decode(_ type: Int.Type) throws -> Int {
        let state = state
        return try scalar { try state.integer(Int.self, at: $0) }
    }

    mutating func decode(_ type: Int8.Type) throws -> Int8 {
        let state = state
        return try scalar { try state.integer(Int8.self, at: $0) }
    }

    mutating func decode(_ type: Int16.Type) throws -> Int16 {
        let state = state
        return try scalar { try state.integer(Int16.self, at: $0) }
    }

    mutating func decode(_ type: Int32.Type) throws -> Int32 {
        let state = state
        return try scalar { try state.integer(Int32.self, at: $0) }
    }

    mutating func decode(_ type: Int64.Type) throws -> Int64 {
        let state = state
        return try scalar { try state.integer(Int64.self, at: $0) }
    }

    mutating func decode(_ type: UInt.Type) throws -> UInt {
        let state = state
        return try scalar { try state.integer(UInt.self, at: $0) }
    }

    mutating func decode(_ type: UInt8.Type) throws -> UInt8 {
        let state = state
        return try scalar { try state.integer(UInt8.self, at: $0) }
    }

    mutating func decode(_ type: UInt16.Type) throws -> UInt16 {
        let state = state
        return try scalar { try state.integer(UInt16.self, at: $0) }
    }

    mutating func decode(_ type: UInt32.Type) throws -> UInt32 {
        let state = state
        return try scalar { try state.integer(UInt32.self, at: $0) }
    }

    mutating func decode(_ type: UInt64.Type) throws -> UInt64 {
        let state = state
        return try scalar { try state.integer(UInt64.self, at: $0) }
    }

    mutating func decode(_ type: Int128.Type) throws -> Int128 {
        let state = state
        return try scalar { try state.integer(Int128.self, at: $0) }
    }

    mutating func decode(_ type: UInt128.Type) throws -> UInt128 {
        let state = state
        return try scalar { try state.integer(UInt128.self, at: $0) }
    }
}
