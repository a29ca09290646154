extension [UInt8] {
    @inline(__always)
    mutating func appendBigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        Swift.withUnsafeBytes(of: value.bigEndian) { self.append(contentsOf: $0) }
    }

    /// The length in four bytes, then the bytes.
    @inline(__always)
    mutating func appendSized(_ bytes: UnsafeRawBufferPointer) {
        self.appendBigEndian(Int32(bytes.count))
        self.append(contentsOf: bytes)
    }
}

extension UnsafeRawBufferPointer {
    /// An integer at any offset, aligned or not.
    @inline(__always)
    func bigEndian<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type = Integer.self) -> Integer {
        Integer(bigEndian: self.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
}
