import JSONCoding

extension JSONFragment {
    /// JSON on one line, in its own spelling but for the white space; what is no JSON, as a string.
    init(line bytes: [UInt8]) {
        guard (try? JSONDocument(parsing: bytes, limits: CommandRules.json)) != nil else {
            var writer = JSONWriter()
            writer.string(String(decoding: bytes, as: UTF8.self))
            self.init(unchecked: writer.finish())
            return
        }
        var line: [UInt8] = []
        line.reserveCapacity(bytes.count)
        var isString = false
        var isEscaped = false
        for byte in bytes {
            if isString {
                isString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
                continue
            } else {
                isString = byte == UInt8(ascii: "\"")
            }
            line.append(byte)
        }
        self.init(unchecked: line)
    }
}
