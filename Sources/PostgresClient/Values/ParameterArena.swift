import CLibPQ

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
        let isNull = !value.encode(into: &self.bytes)
        self.starts.append(isNull ? -1 : start)
        self.lengths.append(Int32(clamping: self.bytes.count - start))
    }
}
