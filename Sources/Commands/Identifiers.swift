import Crypto
import JSONCoding

/// UUIDs as Adjutant makes them (RFC 9562): version 5 for events, so that a repeat carries the same id; version 7 for
/// commands, so that ids sort by time.
package enum Identifier {
    /// The namespace of Adjutant's event ids.
    private static let namespace = (UInt64(0x5c0b_2f4e_9a61_4d0c).bigEndian, UInt64(0x8f1b_6a3e_27d4_90a5).bigEndian)

    /// Appends the 36 characters of the UUIDv5 of an event: from the kind of event and the command id.
    package static func appendEventID(
        kind: StaticString, commandID: UnsafeBufferPointer<UInt8>, attempt: Int = 0, to buffer: inout [UInt8]
    ) {
        let count = 16 + kind.utf8CodeUnitCount + 8 + commandID.count
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { name in
            var end = withUnsafeBytes(of: self.namespace) { Self.put($0, into: name, at: 0) }
            end = kind.withUTF8Buffer { Self.put(UnsafeRawBufferPointer($0), into: name, at: end) }
            if attempt > 0 { end = withUnsafeBytes(of: Int64(attempt).bigEndian) { Self.put($0, into: name, at: end) } }
            end = Self.put(UnsafeRawBufferPointer(commandID), into: name, at: end)
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

    /// The UUIDv5 of an event as text.
    package static func eventID(kind: StaticString, commandID: String, attempt: Int = 0) -> String {
        var commandID = commandID
        var buffer: [UInt8] = []
        commandID.withUTF8 { self.appendEventID(kind: kind, commandID: $0, attempt: attempt, to: &buffer) }
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
        buffer.append(atMost: 36) { text in
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
            return 36
        }
    }

    /// Writes the last so many hexadecimal digits of a number.
    @inline(__always)
    private static func write(
        _ value: UInt64, digits: Int, to text: UnsafeMutablePointer<UInt8>, at index: Int
    ) {
        var rest = value
        for place in (index..<index + digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            text[place] = digit &+ 48 &+ (digit > 9 ? 39 : 0)
            rest >>= 4
        }
    }
}
