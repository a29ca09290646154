#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Text and number forms of the Foundation types which JSON has no kind for.
enum FoundationTypes {
    /// The UUID written as 36 bytes, or nil.
    static func uuid(_ bytes: UnsafeBufferPointer<UInt8>) -> UUID? {
        guard bytes.count == 36, bytes[8] == UInt8(ascii: "-"), bytes[13] == UInt8(ascii: "-"),
            bytes[18] == UInt8(ascii: "-"), bytes[23] == UInt8(ascii: "-")
        else {
            return nil
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<36 where index != 8 && index != 13 && index != 18 && index != 23 {
            guard let digit = StringEscapes.hexDigit(bytes[index]) else {
                return nil
            }
            if index < 18 {
                high = high << 4 | UInt64(digit)
            } else {
                low = low << 4 | UInt64(digit)
            }
        }
        return UUID(uuid: unsafeBitCast((high.bigEndian, low.bigEndian), to: uuid_t.self))
    }

    /// Writes the 36 upper-case bytes of a UUID.
    static func write(_ uuid: UUID, to text: UnsafeMutableBufferPointer<UInt8>) {
        withUnsafeBytes(of: uuid.uuid) { bytes in
            var index = 0
            for position in 0..<16 {
                if position == 4 || position == 6 || position == 8 || position == 10 {
                    text[index] = UInt8(ascii: "-")
                    index += 1
                }
                text[index] = upperHex(bytes[position] >> 4)
                text[index + 1] = upperHex(bytes[position] & 15)
                index += 2
            }
        }
    }

    @inline(__always)
    private static func upperHex(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "A") &+ (digit &- 10)
    }

    /// The exact decimal, or nil when it needs more digits or a larger exponent than a decimal has.
    static func decimal(_ number: NumberText) -> Decimal? {
        guard number.isExact else {
            return nil
        }
        var magnitude = number.magnitude
        var exponent = number.exponent
        if magnitude == 0 {
            return Decimal(0)
        }
        while exponent > 127 {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            if overflow {
                return nil
            }
            magnitude = product
            exponent -= 1
        }
        guard exponent >= -128 else {
            return nil
        }
        var whole = Decimal(UInt64(truncatingIfNeeded: magnitude))
        if magnitude > UInt128(UInt64.max) {
            let high = Decimal(UInt64(truncatingIfNeeded: magnitude >> 64))
            whole += high * (Decimal(UInt64.max) + 1)
        }
        let value = exponent == 0 ? whole : Decimal(sign: .plus, exponent: exponent, significand: whole)
        // The digits and the exponent fit one by one, and not always together.
        guard value.isFinite else {
            return nil
        }
        return number.isNegative ? -value : value
    }

    /// The moment of a date in microseconds since 1970, or nil when RFC 3339 cannot name it.
    static func microseconds(_ date: Date) -> Int64? {
        let micros = (date.timeIntervalSince1970 * 1_000_000).rounded()
        guard micros >= Double(RFC3339.earliest), micros <= Double(RFC3339.latest) else {
            return nil
        }
        return Int64(micros)
    }

    /// The date of a moment in microseconds since 1970.
    static func date(microseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
    }
}
