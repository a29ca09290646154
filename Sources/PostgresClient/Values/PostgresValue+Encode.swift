import FoundationEssentials

extension PostgresValue {
    /// Appends the binary form, without its length.
    ///
    /// - Returns: False for null, which has none.
    func encode(into buffer: inout [UInt8]) -> Bool {
        switch self {
        case .null: return false
        case .bool(let value): buffer.append(value ? 1 : 0)
        case .int4(let value): buffer.appendBigEndian(value)
        case .int64(let value): buffer.appendBigEndian(value)
        case .double(let value): buffer.appendBigEndian(value.bitPattern)
        case .text(let value): buffer.append(contentsOf: value.utf8)
        case .bytes(let value): buffer.append(contentsOf: value)
        case .uuid(let value): withUnsafeBytes(of: value.uuid) { buffer.append(contentsOf: $0) }
        case .timestamp(let value): buffer.appendBigEndian(value.wire)
        case .json(let value):
            // The version of jsonb's binary form.
            buffer.append(1)
            buffer.append(contentsOf: value.utf8)
        case .jsonBytes(let value):
            buffer.append(1)
            buffer.append(contentsOf: value)
        case .array(let array): array.encode(into: &buffer)
        }
        return true
    }
}
