/// Comparison of short byte runs.
package enum ByteText {
    /// Whether two runs of the same length hold the same bytes.
    @inline(__always)
    package static func equal(_ one: UnsafePointer<UInt8>, _ other: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let one = UnsafeRawPointer(one)
        let other = UnsafeRawPointer(other)
        if count >= 8 {
            var offset = 0
            while offset &+ 8 <= count {
                if word(one, offset) != word(other, offset) {
                    return false
                }
                offset &+= 8
            }
            return word(one, count &- 8) == word(other, count &- 8)
        }
        if count >= 4 {
            return half(one, 0) == half(other, 0) && half(one, count &- 4) == half(other, count &- 4)
        }
        var offset = 0
        while offset < count {
            let left = one.load(fromByteOffset: offset, as: UInt8.self)
            if left != other.load(fromByteOffset: offset, as: UInt8.self) {
                return false
            }
            offset &+= 1
        }
        return true
    }

    @inline(__always)
    private static func word(_ pointer: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        pointer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func half(_ pointer: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        pointer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}
