extension TapeParser {
    /// Reads a literal whose first four bytes, least significant first, are `word`.
    @inline(__always)
    mutating func scanWord(_ word: UInt32, _ length: Int, _ kind: JSONKind, _ flags: UInt32) throws(JSONError) {
        guard position + length <= count,
            UInt32(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt32.self)) == word
        else {
            throw failure(.syntax, "unknown literal", at: position)
        }
        append(kind, flags, position, position + length)
        position += length
    }

    /// Reads a number and checks its grammar.
    @inline(__always)
    mutating func scanNumber() throws(JSONError) {
        let start = position
        var index = position
        if base[index] == UInt8(ascii: "-") {
            index += 1
        }
        guard index < count else {
            throw ended()
        }
        if base[index] == UInt8(ascii: "0") {
            index += 1
            if index < count, base[index] &- 0x30 < 10 {
                throw failure(.syntax, "a number starts with a zero", at: start)
            }
        } else {
            index = try skipDigits(from: index)
        }
        var flags = TapeEntry.whole
        if index < count, base[index] == UInt8(ascii: ".") {
            flags = 0
            index = try skipDigits(from: index + 1)
        }
        if index < count, base[index] | 0x20 == UInt8(ascii: "e") {
            flags = 0
            index += 1
            if index < count, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") {
                index += 1
            }
            index = try skipDigits(from: index)
        }
        position = index
        append(.number, flags, start, index)
    }

    /// Skips one or more digits.
    @inline(__always)
    private func skipDigits(from start: Int) throws(JSONError) -> Int {
        var index = start
        while index < count, base[index] &- 0x30 < 10 {
            index &+= 1
        }
        if index == start {
            throw start < count ? failure(.syntax, "a digit was expected", at: start) : ended()
        }
        return index
    }

    /// Builds the error for a document which stops too early.
    @inline(never)
    func ended() -> JSONError {
        failure(.unexpectedEnd, "the document ends too early", at: count)
    }

    /// Builds an error with the path of the innermost open container.
    @inline(never)
    func failure(_ code: JSONError.Code, _ message: String, at offset: Int) -> JSONError {
        JSONError(code: code, offset: offset, path: openPath(), message: message)
    }

    /// The path of the value being read, with long keys cut.
    private func openPath() -> String {
        var chain: [Int] = []
        var index = container
        while index >= 0 {
            chain.append(index)
            let parent = tape[index].next
            index = parent == TapeEntry.noParent ? -1 : Int(parent)
        }
        var path = ""
        for (level, index) in chain.reversed().enumerated() {
            let inner = level + 1 < chain.count ? chain[chain.count - 2 - level] : tape.count
            if tape[index].isKind(.array) {
                path += "[\(tape[index].childCount)]"
            } else if inner - 1 > index, isPendingKey(inner - 1, in: index) {
                let range = tape[inner - 1].range.prefix(64)
                let bytes = UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
                path += (path.isEmpty ? "" : ".") + String(decoding: bytes, as: UTF8.self)
            }
        }
        return path
    }

    /// Whether the entry is the key of a member whose value is not finished.
    private func isPendingKey(_ key: Int, in object: Int) -> Bool {
        var index = object + 1
        while index < key {
            let value = index + 1
            let entry = tape[value]
            let isOpen = (entry.isKind(.array) || entry.isKind(.object)) && Int(entry.next) <= value
            if isOpen {
                return false
            }
            index = Int(entry.next)
        }
        return index == key
    }
}
