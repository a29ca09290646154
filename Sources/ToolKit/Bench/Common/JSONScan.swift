/// Finds members of JSON whose shape is known, where reading all of it would cost the measurement.
enum JSONScan {
    /// The integer after the first `"name":`.
    static func integer(_ name: StaticString, in bytes: ArraySlice<UInt8>) -> Int64? {
        guard let start = self.position(after: name, in: bytes) else { return nil }
        var value: Int64 = 0
        var index = start
        while index < bytes.endIndex, bytes[index] >= 48, bytes[index] <= 57 {
            value = value &* 10 &+ Int64(bytes[index] - 48)
            index += 1
        }
        return index == start ? nil : value
    }

    /// The text after the first `"name":`, up to the closing quotation mark.
    static func text(_ name: StaticString, in bytes: ArraySlice<UInt8>) -> String? {
        guard let start = self.position(after: name, in: bytes), start < bytes.endIndex, bytes[start] == 34 else {
            return nil
        }
        let end = bytes[(start + 1)...].firstIndex(of: 34) ?? bytes.endIndex
        return String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
    }

    private static func position(after name: StaticString, in bytes: ArraySlice<UInt8>) -> Int? {
        name.withUTF8Buffer { name in
            let length = name.count + 3
            var index = bytes.startIndex
            while index + length <= bytes.endIndex {
                if bytes[index] == 34, bytes[index + name.count + 1] == 34, bytes[index + name.count + 2] == 58,
                    bytes[(index + 1)..<(index + 1 + name.count)].elementsEqual(name)
                {
                    return index + length
                }
                index += 1
            }
            return nil
        }
    }
}
