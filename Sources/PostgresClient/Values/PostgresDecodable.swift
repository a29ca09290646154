import FoundationEssentials

/// What a column's binary value can be read as.
package protocol PostgresDecodable {
    /// - Parameter bytes: Nil for null.
    /// - Throws: When the column's type is another or the value does not fit.
    static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(PostgresDecodingFailure) -> Self
}

/// Why a value cannot be read; the row adds which column.
package enum PostgresDecodingFailure: Error {
    case null
    case type(PostgresType)
    case malformed
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        bytes == nil ? .none : .some(try Wrapped.decode(bytes, type: type))
    }
}

extension String: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard var bytes else { throw .null }
        if type != .text {
            guard type.isText else { throw .type(type) }
            if type == .jsonb { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension [UInt8] {
    fileprivate init(postgres bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(PostgresDecodingFailure) {
        guard var bytes else { throw .null }
        guard type == .bytea || type.isText else { throw .type(type) }
        if type == .jsonb { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) }
        self = Array(bytes)
    }
}

extension Int64: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let bytes else { throw .null }
        switch (type, bytes.count) {
        case (.int8, 8): return bytes.bigEndian(at: 0, as: Int64.self)
        case (.int4, 4): return Int64(bytes.bigEndian(at: 0, as: Int32.self))
        case (.int2, 2): return Int64(bytes.bigEndian(at: 0, as: Int16.self))
        case (.oid, 4): return Int64(bytes.bigEndian(at: 0, as: UInt32.self))
        default: throw .type(type)
        }
    }
}

extension Int: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self { Int(try Int64.decode(bytes, type: type)) }
}

extension Int32: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let value = Int32(exactly: try Int64.decode(bytes, type: type)) else { throw .malformed }
        return value
    }
}

extension Bool: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let bytes else { throw .null }
        guard type == .bool, bytes.count == 1 else { throw .type(type) }
        return bytes[0] != 0
    }
}

extension Double: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let bytes else { throw .null }
        switch (type, bytes.count) {
        case (.float8, 8): return Double(bitPattern: bytes.bigEndian(at: 0))
        case (.float4, 4): return Double(Float(bitPattern: bytes.bigEndian(at: 0)))
        default: throw .type(type)
        }
    }
}

extension UUID: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let bytes else { throw .null }
        guard type == .uuid, bytes.count == 16 else { throw .type(type) }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension PostgresTimestamp: PostgresDecodable {
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        guard let bytes else { throw .null }
        guard type == .timestamptz || type == .timestamp, bytes.count == 8 else { throw .type(type) }
        return PostgresTimestamp(wire: bytes.bigEndian(at: 0))
    }
}

extension UInt8: PostgresDecodable {
    /// Only there so that `[UInt8]` can be read: PostgreSQL has no such type.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self { throw .type(type) }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    /// `[UInt8]` is `bytea` or the UTF-8 of a text; other arrays are PostgreSQL's of one dimension.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer?, type: PostgresType
    ) throws(PostgresDecodingFailure) -> Self {
        if Element.self == UInt8.self {
            let array = try [UInt8](postgres: bytes, type: type)
            // The same type: `Element` is `UInt8`.
            return unsafeBitCast(array, to: Self.self)
        }
        guard let bytes else { throw .null }
        guard bytes.count >= 12 else { throw .type(type) }
        let dimensions: Int32 = bytes.bigEndian(at: 0)
        let element = PostgresType(rawValue: bytes.bigEndian(at: 8))
        guard element.array == type || element.array == .inferred, dimensions <= 1 else { throw .type(type) }
        guard dimensions == 1 else { return [] }
        guard bytes.count >= 20 else { throw .malformed }
        let count = Int(bytes.bigEndian(at: 12, as: Int32.self))
        var offset = 20
        var array: [Element] = []
        array.reserveCapacity(Swift.max(0, Swift.min(count, bytes.count / 4)))
        for _ in 0..<Swift.max(0, count) {
            guard offset + 4 <= bytes.count else { throw .malformed }
            let length = Int(bytes.bigEndian(at: offset, as: Int32.self))
            offset += 4
            if length < 0 {
                array.append(try Element.decode(nil, type: element))
                continue
            }
            guard offset + length <= bytes.count else { throw .malformed }
            array.append(
                try Element.decode(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), type: element))
            offset += length
        }
        return array
    }
}
