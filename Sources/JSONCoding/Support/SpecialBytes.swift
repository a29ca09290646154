/// Finds the bytes of text which JSON treats specially.
enum SpecialBytes {
    /// The first quote, backslash, control or non-ASCII byte at or after `start`, or `end`.
    @inline(__always)
    static func firstIndex(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let raw = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
            let hits = marks(UInt64(littleEndian: raw)) | (UInt64(littleEndian: raw) & high)
            if hits != 0 {
                return index &+ hits.trailingZeroBitCount &>> 3
            }
            index &+= 8
        }
        while index < end, !isSpecial(base[index]) {
            index &+= 1
        }
        return index
    }

    /// The first byte which must be escaped in a string at or after `start`, or `end`.
    @inline(__always)
    static func firstEscape(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let raw = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
            let hits = marks(UInt64(littleEndian: raw))
            if hits != 0 {
                return index &+ hits.trailingZeroBitCount &>> 3
            }
            index &+= 8
        }
        while index < end, !needsEscape(base[index]) {
            index &+= 1
        }
        return index
    }

    @inline(__always)
    private static func isSpecial(_ byte: UInt8) -> Bool {
        needsEscape(byte) || byte >= 0x80
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    private static var high: UInt64 { 0x8080_8080_8080_8080 }

    /// A word in which the lowest high bit stands on the first byte to be escaped; later bits may be spurious.
    @inline(__always)
    private static func marks(_ word: UInt64) -> UInt64 {
        let control = (word &- ones &* 0x20) & ~word
        let quoteDistance = word ^ (ones &* 0x22)
        let quote = (quoteDistance &- ones) & ~quoteDistance
        let slashDistance = word ^ (ones &* 0x5C)
        let slash = (slashDistance &- ones) & ~slashDistance
        return (control | quote | slash) & high
    }
}
