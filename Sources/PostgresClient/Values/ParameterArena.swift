import CLibPQ
import FoundationEssentials

/// Where the parameters of a statement are encoded before libpq copies them into its own buffer; used again for the next
/// statement.
struct ParameterArena {
    private var bytes: [UInt8] = []
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// More than that is given back after use.
    private static let keptCapacity = 1 << 20

    /// Calls the body with what `PQsendQueryPrepared` takes: values, their lengths, and that all are binary.
    mutating func with<Result>(
        _ values: [PostgresValue],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        guard !values.isEmpty else { return body(nil, nil, nil) }
        self.bytes.removeAll(keepingCapacity: true)
        self.starts.removeAll(keepingCapacity: true)
        self.lengths.removeAll(keepingCapacity: true)
        self.pointers.removeAll(keepingCapacity: true)
        while self.formats.count < values.count { self.formats.append(1) }
        for value in values { self.encode(value) }
        // libpq reads a null pointer as NULL, so that an empty value needs an address too.
        if self.bytes.isEmpty { self.bytes.append(0) }
        let result = self.bytes.withUnsafeBufferPointer { buffer in
            for start in self.starts {
                self.pointers.append(
                    start < 0
                        ? nil
                        : UnsafeRawPointer(buffer.baseAddress! + start).assumingMemoryBound(to: CChar.self))
            }
            return body(self.pointers, self.lengths, self.formats)
        }
        if self.bytes.capacity > Self.keptCapacity { self.bytes = [] }
        return result
    }

    private mutating func encode(_ value: PostgresValue) {
        let start = self.bytes.count
        switch value {
        case .null:
            self.starts.append(-1)
            self.lengths.append(0)
            return
        case .bool(let value): self.bytes.append(value ? 1 : 0)
        case .int4(let value): self.bytes.appendBigEndian(value)
        case .int64(let value): self.bytes.appendBigEndian(value)
        case .double(let value): self.bytes.appendBigEndian(value.bitPattern)
        case .text(let value): self.bytes.append(contentsOf: value.utf8)
        case .bytes(let value): self.bytes.append(contentsOf: value)
        case .uuid(let value): withUnsafeBytes(of: value.uuid) { self.bytes.append(contentsOf: $0) }
        case .timestamp(let value): self.bytes.appendBigEndian(value.wire)
        case .json(let value):
            // The version of jsonb's binary form.
            self.bytes.append(1)
            self.bytes.append(contentsOf: value.utf8)
        case .jsonBytes(let value):
            self.bytes.append(1)
            self.bytes.append(contentsOf: value)
        case .array(let array): array.encode(into: &self.bytes)
        }
        self.starts.append(start)
        self.lengths.append(Int32(clamping: self.bytes.count - start))
    }
}
