extension TapeParser {
    /// Reads a string from its opening quote to past its closing one; returns where its content starts.
    @inline(__always)
    mutating func scanString() throws(JSONError) -> (start: Int, escaped: Bool) {
        let start = position + 1
        var index = start
        var escaped = false
        while true {
            index = SpecialBytes.firstIndex(in: base, from: index, to: count)
            guard index < count else {
                throw ended()
            }
            let byte = base[index]
            if byte == UInt8(ascii: "\"") {
                position = index + 1
                return (start, escaped)
            }
            if byte == UInt8(ascii: "\\") {
                escaped = true
                index = try skipEscape(at: index)
            } else if byte < 0x20 {
                throw failure(.syntax, "a string holds a control character", at: index)
            } else {
                index = try skipMultibyte(at: index)
            }
        }
    }

    /// Checks one escape and returns the index after it.
    private func skipEscape(at index: Int) throws(JSONError) -> Int {
        guard index + 1 < count else {
            throw ended()
        }
        switch base[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index + 2
        case UInt8(ascii: "u"):
            break
        default:
            throw failure(.invalidEscape, "unknown escape", at: index)
        }
        let unit = try hexUnit(at: index)
        if unit & 0xF800 != 0xD800 {
            return index + 6
        }
        guard unit < 0xDC00, index + 7 < count, base[index + 6] == UInt8(ascii: "\\"),
            base[index + 7] == UInt8(ascii: "u")
        else {
            throw failure(.invalidEscape, "an escape is half of a surrogate pair", at: index)
        }
        guard try hexUnit(at: index + 6) & 0xFC00 == 0xDC00 else {
            throw failure(.invalidEscape, "an escape is half of a surrogate pair", at: index)
        }
        return index + 12
    }

    /// The UTF-16 unit of the `\uXXXX` escape at an index.
    private func hexUnit(at index: Int) throws(JSONError) -> UInt16 {
        guard index + 6 <= count else {
            throw ended()
        }
        guard let unit = StringEscapes.hexUnit(base + index + 2) else {
            throw failure(.invalidEscape, "an escape lacks four hexadecimal digits", at: index)
        }
        return unit
    }

    /// Checks one UTF-8 sequence of two to four bytes and returns the index after it.
    private func skipMultibyte(at index: Int) throws(JSONError) -> Int {
        let lead = base[index]
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF:
            length = 2
        case 0xE0...0xEF:
            length = 3
            low = lead == 0xE0 ? 0xA0 : 0x80
            high = lead == 0xED ? 0x9F : 0xBF
        case 0xF0...0xF4:
            length = 4
            low = lead == 0xF0 ? 0x90 : 0x80
            high = lead == 0xF4 ? 0x8F : 0xBF
        default:
            throw failure(.invalidUTF8, "a string is not valid UTF-8", at: index)
        }
        guard index + length <= count else {
            throw failure(.invalidUTF8, "a string is not valid UTF-8", at: index)
        }
        guard base[index + 1] >= low, base[index + 1] <= high else {
            throw failure(.invalidUTF8, "a string is not valid UTF-8", at: index)
        }
        for offset in 2..<max(length, 2) where base[index + offset] & 0xC0 != 0x80 {
            throw failure(.invalidUTF8, "a string is not valid UTF-8", at: index)
        }
        return index + length
    }
}
