extension [UInt8] {
    /// Appends what the closure writes, at most so many bytes: it gets the place behind the last one, and returns how many
    /// it wrote. Quicker than to append byte by byte, each of which looks whether there is room and whose the array is.
    @inlinable
    @inline(__always)
    package mutating func append(atMost count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
        // All empty arrays share one place, which the standard library would write its count of nought to.
        guard count > 0 else { return }
        #if compiler(>=6.3)
        self.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, used in
                if let base = buffer.baseAddress { used += write(base + used) }
            }
        }
        #else
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
            guard let base = buffer.baseAddress else { return }
            self.append(contentsOf: UnsafeBufferPointer(start: base, count: write(base)))
        }
        #endif
    }
}
