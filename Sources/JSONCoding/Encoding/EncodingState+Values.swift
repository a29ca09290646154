#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EncodingState {
    /// Writes any value at the end of the buffer.
    func encode<T: Encodable>(_ value: T) throws {
        if try encodeKnown(value) {
            return
        }
        let depth = stack.count
        let start = buffer.count
        let known = closed.count
        try value.encode(to: ValueEncoder(state: self, depth: Int32(truncatingIfNeeded: depth), slot: 0, start: start))
        while stack.count > depth {
            pop()
        }
        if closed.count > known {
            closed.removeLast(closed.count - known)
        }
        if buffer.count == start, depth > 0 {
            buffer.append(UInt8(ascii: "{"))
            buffer.append(UInt8(ascii: "}"))
        }
    }

    /// Writes a value of a type which needs no container; returns false for any other type.
    @inline(__always)
    private func encodeKnown<T: Encodable>(_ value: T) throws -> Bool {
        if T.self == String.self {
            buffer.write(unsafeBitCast(value, to: String.self))
        } else if T.self == Int.self {
            buffer.write(unsafeBitCast(value, to: Int.self))
        } else if T.self == Date.self {
            try write(unsafeBitCast(value, to: Date.self))
        } else if T.self == UUID.self {
            write(unsafeBitCast(value, to: UUID.self))
        } else if T.self == Decimal.self {
            try write(unsafeBitCast(value, to: Decimal.self))
        } else if T.self == Double.self {
            try write(unsafeBitCast(value, to: Double.self))
        } else if T.self == URL.self {
            buffer.write(unsafeBitCast(value, to: URL.self).absoluteString)
        } else if T.self == Data.self {
            buffer.write(unsafeBitCast(value, to: Data.self).base64EncodedString())
        } else if T.self == JSONValue.self {
            buffer.write(unsafeBitCast(value, to: JSONValue.self))
        } else if T.self == JSONFragment.self {
            buffer.write(raw: unsafeBitCast(value, to: JSONFragment.self).bytes)
        } else {
            return false
        }
        return true
    }

    func write(_ value: Double) throws {
        guard value.isFinite else {
            throw Self.error(value, "Only finite numbers can be encoded.")
        }
        buffer.write(plain: NumberFormat.text(value))
    }

    func write(_ value: Float) throws {
        guard value.isFinite else {
            throw Self.error(value, "Only finite numbers can be encoded.")
        }
        buffer.write(plain: NumberFormat.text(value))
    }

    private func write(_ value: Decimal) throws {
        guard value.isFinite else {
            throw Self.error(value, "Only finite numbers can be encoded.")
        }
        if let parts = DecimalParts(value) {
            parts.write(to: buffer)
        } else {
            buffer.write(plain: value.description)
        }
    }

    private func write(_ date: Date) throws {
        // Milliseconds are rounded, not cut, so that what was read is written again.
        let millis = (date.timeIntervalSince1970 * 1000).rounded()
        guard millis >= Double(RFC3339.earliest / 1000), millis <= Double(RFC3339.latest / 1000) else {
            throw Self.error(date, "Only dates in the years 1 to 9999 can be encoded.")
        }
        buffer.append(UInt8(ascii: "\""))
        var sink = buffer
        RFC3339.append(Int64(millis) * 1000, .milliseconds, toSink: &sink)
        buffer.append(UInt8(ascii: "\""))
    }

    private func write(_ uuid: UUID) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 38) { text in
            text[0] = UInt8(ascii: "\"")
            FoundationTypes.write(uuid, to: UnsafeMutableBufferPointer(rebasing: text[1..<37]))
            text[37] = UInt8(ascii: "\"")
            buffer.append(contentsOf: UnsafeBufferPointer(text))
        }
    }
}
