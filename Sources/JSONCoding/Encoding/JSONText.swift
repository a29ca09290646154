/// Appends scalars as JSON text.
enum JSONText {
    /// Appends a string with its quotes and escapes.
    @inline(__always)
    static func append(_ text: consuming String, to buffer: inout some ByteSink) {
        text.withUTF8 { append($0, to: &buffer) }
    }

    /// Appends UTF-8 bytes as a string with quotes and escapes.
    @inline(__always)
    static func append(_ bytes: UnsafeBufferPointer<UInt8>, to buffer: inout some ByteSink) {
        let count = bytes.count
        if let base = bytes.baseAddress, SpecialBytes.firstEscape(in: base, from: 0, to: count) < count {
            return appendEscaped(base, count, to: &buffer)
        }
        buffer.append(atMost: count + 2) { target in
            target[0] = UInt8(ascii: "\"")
            if let base = bytes.baseAddress {
                (target + 1).update(from: base, count: count)
            }
            target[count &+ 1] = UInt8(ascii: "\"")
            return count &+ 2
        }
    }

    @inline(never)
    private static func appendEscaped(_ base: UnsafePointer<UInt8>, _ count: Int, to buffer: inout some ByteSink) {
        buffer.append(UInt8(ascii: "\""))
        var start = 0
        while start < count {
            let index = SpecialBytes.firstEscape(in: base, from: start, to: count)
            buffer.append(contentsOf: UnsafeBufferPointer(start: base + start, count: index - start))
            if index < count {
                appendEscape(base[index], to: &buffer)
            }
            start = index + 1
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ byte: UInt8, to buffer: inout some ByteSink) {
        buffer.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            buffer.append(byte)
        case 0x08:
            buffer.append(UInt8(ascii: "b"))
        case 0x09:
            buffer.append(UInt8(ascii: "t"))
        case 0x0A:
            buffer.append(UInt8(ascii: "n"))
        case 0x0C:
            buffer.append(UInt8(ascii: "f"))
        case 0x0D:
            buffer.append(UInt8(ascii: "r"))
        default:
            append(plain: "u00", to: &buffer)
            buffer.append(UInt8(ascii: "0") + byte >> 4)
            buffer.append(byte & 15 < 10 ? UInt8(ascii: "0") + byte & 15 : UInt8(ascii: "a") + byte & 15 - 10)
        }
    }

    /// Appends a whole number.
    @inline(__always)
    static func append<Integer: FixedWidthInteger>(_ value: Integer, to buffer: inout some ByteSink) {
        if let value = Int64(exactly: value) {
            appendSmall(value, to: &buffer)
        } else {
            append(plain: String(value), to: &buffer)
        }
    }

    private static func appendSmall(_ value: Int64, to buffer: inout some ByteSink) {
        buffer.append(atMost: 20) { target in
            var rest = value.magnitude
            var count = value < 0 ? 2 : 1
            while rest > 9_999 {
                rest /= 10_000
                count &+= 4
            }
            count &+= rest > 999 ? 3 : rest > 99 ? 2 : rest > 9 ? 1 : 0
            rest = value.magnitude
            var index = count
            repeat {
                index &-= 1
                target[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                target[0] = UInt8(ascii: "-")
            }
            return count
        }
    }

    /// Appends text which needs neither quotes nor escapes.
    static func append(plain text: String, to buffer: inout some ByteSink) {
        var text = text
        text.withUTF8 { buffer.append(contentsOf: $0) }
    }

    /// Appends `true` or `false`.
    static func append(_ value: Bool, to buffer: inout some ByteSink) {
        append(plain: value ? "true" : "false", to: &buffer)
    }

    /// Appends a value of any kind, with the members of objects in the byte order of their keys.
    static func append(_ value: JSONValue, to buffer: inout some ByteSink) {
        switch value {
        case .null:
            append(plain: "null", to: &buffer)
        case .bool(let value):
            append(value, to: &buffer)
        case .number(let number):
            append(plain: number.text, to: &buffer)
        case .string(let text):
            append(text, to: &buffer)
        case .array(let elements):
            buffer.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 {
                    buffer.append(UInt8(ascii: ","))
                }
                append(element, to: &buffer)
            }
            buffer.append(UInt8(ascii: "]"))
        case .object(let members):
            buffer.append(UInt8(ascii: "{"))
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, member) in sorted.enumerated() {
                if index > 0 {
                    buffer.append(UInt8(ascii: ","))
                }
                append(member.key, to: &buffer)
                buffer.append(UInt8(ascii: ":"))
                append(member.value, to: &buffer)
            }
            buffer.append(UInt8(ascii: "}"))
        }
    }
}
