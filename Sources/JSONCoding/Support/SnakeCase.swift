/// Conversion between `userName` and `user_name`.
enum SnakeCase {
    /// Writes the snake-case form of a name, at most twice as long; returns its length.
    static func write(_ name: UnsafeBufferPointer<UInt8>, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var count = 0
        for index in name.indices {
            let byte = name[index]
            if isUpper(byte) {
                let startsWord = index > 0 && name[index - 1] != UInt8(ascii: "_")
                let followsLower = index > 0 && !isUpper(name[index - 1])
                let precedesLower = index + 1 < name.count && isLower(name[index + 1])
                if startsWord, followsLower || precedesLower {
                    buffer[count] = UInt8(ascii: "_")
                    count += 1
                }
            }
            buffer[count] = isUpper(byte) ? byte | 0x20 : byte
            count += 1
        }
        return count
    }

    /// The camel-case form of a snake-case name; leading and trailing underscores stay.
    static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "_")
        guard let first = words.first, words.count > 1 else {
            return name
        }
        let prefix = name.prefix { $0 == "_" }
        let suffix = name.reversed().prefix { $0 == "_" }
        let rest = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return prefix + first + rest.joined() + String(suffix)
    }

    @inline(__always)
    private static func isUpper(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "A") < 26
    }

    @inline(__always)
    private static func isLower(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "a") < 26
    }
}
