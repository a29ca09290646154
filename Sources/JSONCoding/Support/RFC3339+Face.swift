extension RFC3339 {
    /// Remembers the text of the last second that was written: most moments that are written one after another lie in the
    /// same one.
    public struct Face: Sendable {
        /// Seconds since 1970 UTC.
        private var second = Int64.min
        /// What its moments begin with, down to the point after the seconds.
        private var prefix = SIMD32<UInt8>()

        public init() {}

        /// Appends the text of a moment given in microseconds since 1970 UTC, held within range; drops finer digits.
        public mutating func append(
            _ microseconds: Int64, precision: Precision = .milliseconds, to buffer: inout [UInt8]
        ) {
            guard microseconds >= 0, microseconds <= RFC3339.latest else {
                return RFC3339.append(microseconds, precision: precision, to: &buffer)
            }
            let (second, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
            if second != self.second {
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 27) { text in
                    _ = RFC3339.write(microseconds, precision, to: text)
                    for index in 0..<20 { self.prefix[index] = text[index] }
                }
                self.second = second
            }
            let prefix = self.prefix
            // The prefix is written as a whole, and all but its beginning is written over.
            buffer.append(atMost: 32) { text in
                UnsafeMutableRawPointer(text).storeBytes(of: prefix, as: SIMD32<UInt8>.self)
                let count = precision == .milliseconds ? 24 : 27
                var rest = precision == .milliseconds ? UInt32(fraction / 1000) : UInt32(fraction)
                for index in (20..<count - 1).reversed() {
                    text[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                text[count - 1] = UInt8(ascii: "Z")
                return count
            }
        }
    }
}
