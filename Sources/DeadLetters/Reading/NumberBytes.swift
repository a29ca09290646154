/// Numbers in headers: Kafka Connect, Kafka Streams and KIP-1191 write decimal text, Spring Kafka big-endian binary.
enum NumberBytes {
    /// Decimal text, with a sign perhaps; nil when it is anything else or does not fit.
    static func decimal(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var digits = bytes
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        guard !digits.isEmpty, digits.count <= 19 else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard byte >= 48, byte <= 57 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(byte - 48))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    /// A whole number as Java's ByteBuffer or BigInteger writes it: big-endian two's complement in 1 to 8 bytes.
    ///
    /// Text is taken too, since some programs copy the header names and write digits: no partition, offset, time or
    /// count in binary has digits for all of its bytes, as the smallest of such would be 808,464,432 (four bytes).
    static func binary(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard !bytes.isEmpty, bytes.count <= 19 else { return nil }
        if bytes.allSatisfy({ $0 >= 48 && $0 <= 57 }), bytes.count != 1 { return self.decimal(bytes) }
        guard bytes.count <= 8 else { return nil }
        var value: Int64 = bytes.first! >= 0x80 ? -1 : 0
        for byte in bytes { value = value << 8 | Int64(byte) }
        return value
    }
}
