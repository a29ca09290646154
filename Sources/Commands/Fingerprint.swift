/// Groups failures of one cause: the class, the code, the command type, and the message without what varies in it.
package enum Fingerprint {
    /// Sixteen hexadecimal digits.
    package static func make(failureClass: FailureClass, code: String, type: String, message: String) -> String {
        self.make(failureClass: failureClass.rawValue, code: code, type: type, message: message)
    }

    /// The same for failures that others classified.
    package static func make(failureClass: String, code: String, type: String, message: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for text in [failureClass, code, type, self.normalise(message)] {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xff) &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Numbers, hexadecimal ids and quoted text become placeholders; linear in the message's length.
    package static func normalise(_ message: String) -> String {
        var result: [UInt8] = []
        var bytes = Array(message.utf8.prefix(1024))[...]
        while let byte = bytes.first {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`"),
                let end = bytes.dropFirst().firstIndex(of: byte)
            {
                result.append(contentsOf: "<text>".utf8)
                bytes = bytes[(end + 1)...]
            } else if self.isWord(byte) {
                let end = bytes.firstIndex { !self.isWord($0) } ?? bytes.endIndex
                let word = bytes[bytes.startIndex..<end]
                if word.contains(where: { $0 >= 48 && $0 <= 57 }) {
                    result.append(contentsOf: "<id>".utf8)
                } else {
                    result.append(contentsOf: word)
                }
                bytes = bytes[end...]
            } else {
                result.append(byte)
                bytes = bytes.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122 || byte == 95 || byte == 45
            || byte >= 0x80
    }
}
