import Crypto

/// UUIDs as Adjutant makes them (RFC 9562): version 5 for events, so that a repeat carries the same id; version 7 for
/// commands, so that ids sort by time.
package enum Identifier {
    /// The namespace of Adjutant's event ids.
    private static let namespace: [UInt8] = [
        0x5c, 0x0b, 0x2f, 0x4e, 0x9a, 0x61, 0x4d, 0x0c, 0x8f, 0x1b, 0x6a, 0x3e, 0x27, 0xd4, 0x90, 0xa5,
    ]

    /// Appends the 36 characters of the UUIDv5 of an event: from the kind of event and the command id.
    package static func appendEventID(
        kind: StaticString, commandID bytes: [UInt8], _ span: ByteSpan, attempt: Int = 0, to buffer: inout [UInt8]
    ) {
        let count = self.namespace.count + kind.utf8CodeUnitCount + 8 + Int(span.count)
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { name in
            var end = Self.put(self.namespace, 0..<self.namespace.count, into: name, at: 0)
            end = kind.withUTF8Buffer { Self.put(UnsafeRawBufferPointer($0), into: name, at: end) }
            if attempt > 0 { end = withUnsafeBytes(of: Int64(attempt).bigEndian) { Self.put($0, into: name, at: end) } }
            end = Self.put(bytes, span.range, into: name, at: end)
            var hasher = Insecure.SHA1()
            hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: name[..<end]))
            hasher.finalize().withUnsafeBytes { digest in
                self.append(
                    high: UInt64(bigEndian: digest.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self)), version: 5,
                    to: &buffer)
            }
        }
    }

    /// - Returns: Where the next bytes go.
    @inline(__always)
    private static func put(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, at position: Int
    ) -> Int {
        UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyMemory(from: source)
        return position + source.count
    }

    @inline(__always)
    private static func put(
        _ source: [UInt8], _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer, at position: Int
    ) -> Int {
        source.withUnsafeBytes { self.put(UnsafeRawBufferPointer(rebasing: $0[range]), into: target, at: position) }
    }

    /// The UUIDv5 of an event as text.
    package static func eventID(kind: StaticString, commandID: String, attempt: Int = 0) -> String {
        let bytes = Array(commandID.utf8)
        var buffer: [UInt8] = []
        self.appendEventID(
            kind: kind, commandID: bytes, ByteSpan(start: 0, count: bytes.count), attempt: attempt, to: &buffer)
        return String(decoding: buffer, as: UTF8.self)
    }

    /// A new UUIDv7.
    ///
    /// - Parameter microseconds: Unix time.
    package static func commandID(at microseconds: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        let fraction = UInt64(microseconds % 1000) * 4096 / 1000
        let high = UInt64(bitPattern: microseconds / 1000) << 16 | fraction
        var buffer: [UInt8] = []
        self.append(high: high, low: generator.next(), version: 7, to: &buffer)
        return String(decoding: buffer, as: UTF8.self)
    }

    private static func append(high: UInt64, low: UInt64, version: UInt64, to buffer: inout [UInt8]) {
        let high = high & 0xffff_ffff_ffff_0fff | version << 12
        let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { text in
            // 8-4-4-4-12 digits.
            self.write(high >> 32, digits: 8, to: text, at: 0)
            text[8] = UInt8(ascii: "-")
            self.write(high >> 16, digits: 4, to: text, at: 9)
            text[13] = UInt8(ascii: "-")
            self.write(high, digits: 4, to: text, at: 14)
            text[18] = UInt8(ascii: "-")
            self.write(low >> 48, digits: 4, to: text, at: 19)
            text[23] = UInt8(ascii: "-")
            self.write(low, digits: 12, to: text, at: 24)
            buffer.append(contentsOf: UnsafeBufferPointer(text))
        }
    }

    /// Writes the last so many hexadecimal digits of a number.
    @inline(__always)
    private static func write(
        _ value: UInt64, digits: Int, to text: UnsafeMutableBufferPointer<UInt8>, at index: Int
    ) {
        var rest = value
        for place in (index..<index + digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            text[place] = digit &+ 48 &+ (digit > 9 ? 39 : 0)
            rest >>= 4
        }
    }
}
