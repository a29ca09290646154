/// Resolves the escapes of strings whose grammar is already checked.
enum StringEscapes {
    /// The value of four hexadecimal digits, or nil.
    @inline(__always)
    static func hexUnit(_ digits: UnsafePointer<UInt8>) -> UInt16? {
        var unit: UInt16 = 0
        for index in 0..<4 {
            guard let digit = hexDigit(digits[index]) else {
                return nil
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// The value of one hexadecimal digit, or nil.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 {
            return digit
        }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : nil
    }

    /// The bytes of a string without its escapes.
    static func unescaped(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            count = unescape(base, range, into: buffer)
        }
    }

    /// The text of a string without its escapes.
    static func unescapedText(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> String {
        String(unsafeUninitializedCapacity: range.count) { unescape(base, range, into: $0) }
    }

    /// Writes the bytes without escapes, never more than there are bytes with escapes; returns their number.
    private static func unescape(
        _ base: UnsafePointer<UInt8>,
        _ range: Range<Int>,
        into buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        var index = range.lowerBound
        var count = 0
        while index < range.upperBound {
            let byte = base[index]
            guard byte == UInt8(ascii: "\\") else {
                buffer[count] = byte
                count += 1
                index += 1
                continue
            }
            let escape = base[index + 1]
            if escape != UInt8(ascii: "u") {
                buffer[count] = simple(escape)
                count += 1
                index += 2
                continue
            }
            var scalar = UInt32(hexUnit(base + index + 2) ?? 0xFFFD)
            index += 6
            if scalar & 0xFC00 == 0xD800 {
                let low = UInt32(hexUnit(base + index + 2) ?? 0xDC00)
                scalar = 0x1_0000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                index += 6
            }
            for unit in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? UTF8.encodedReplacementCharacter {
                buffer[count] = unit
                count += 1
            }
        }
        return count
    }

    private static func simple(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }
}
