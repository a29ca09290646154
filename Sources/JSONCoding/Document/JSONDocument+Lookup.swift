extension JSONDocument {
    /// The value of the member with a key, or -1; the last one where duplicate keys are allowed.
    func find(_ name: UnsafeBufferPointer<UInt8>, in object: Int) -> Int {
        var cursor = object + 1
        return find(name, in: object, cursor: &cursor)
    }

    /// The value of the member with a key, or -1, looking from the key at `cursor` onwards and then from the start.
    @inline(__always)
    func find(_ name: UnsafeBufferPointer<UInt8>, in object: Int, cursor: inout Int) -> Int {
        if limits.allowsDuplicateKeys {
            return findLast(name, in: object)
        }
        let container = tape[object]
        let start = object &+ 1
        let end = Int(container.next)
        guard start < end else {
            return -1
        }
        let slow = container.has(TapeEntry.hasEscapedKey)
        return withBase { base in
            tape.withUnsafeBufferPointer { tape in
                var index = cursor < end ? cursor : start
                let first = index
                repeat {
                    let value = index &+ 1
                    let next = Int(tape[value].next)
                    if Self.matches(tape[index], name, base, slow: slow) {
                        cursor = next
                        return value
                    }
                    index = next < end ? next : start
                } while index != first
                return -1
            }
        }
    }

    /// The value of the member whose key is the snake-case form of a name, or -1.
    /// Whether a key of the object might be spelt in snake case.
    @inline(never)
    func hasUnderscoreKey(in object: Int) -> Bool {
        if tape[object].has(TapeEntry.hasEscapedKey) {
            return true
        }
        let end = Int(tape[object].next)
        return withBase { base in
            var index = object + 1
            while index < end {
                for position in tape[index].range where base[position] == UInt8(ascii: "_") {
                    return true
                }
                index = Int(tape[index + 1].next)
            }
            return false
        }
    }

    @inline(never)
    func findSnakeCase(_ name: UnsafeBufferPointer<UInt8>, in object: Int, cursor: inout Int) -> Int {
        guard name.contains(where: { $0 &- UInt8(ascii: "A") < 26 }) else {
            return -1
        }
        let capacity = name.count * 2
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { buffer in
            let count = SnakeCase.write(name, into: buffer)
            return find(UnsafeBufferPointer(rebasing: buffer[..<count]), in: object, cursor: &cursor)
        }
    }

    @inline(never)
    private func findLast(_ name: UnsafeBufferPointer<UInt8>, in object: Int) -> Int {
        let end = Int(tape[object].next)
        var found = -1
        var index = object + 1
        withBase { base in
            while index < end {
                if Self.matches(tape[index], name, base, slow: true) {
                    found = index + 1
                }
                index = Int(tape[index + 1].next)
            }
        }
        return found
    }

    @inline(__always)
    private static func matches(
        _ key: TapeEntry,
        _ name: UnsafeBufferPointer<UInt8>,
        _ base: UnsafePointer<UInt8>,
        slow: Bool
    ) -> Bool {
        if slow, key.has(TapeEntry.escaped) {
            return StringEscapes.unescaped(base, key.range).elementsEqual(name)
        }
        guard Int(key.end &- key.start) == name.count else {
            return false
        }
        guard let address = name.baseAddress else {
            return true
        }
        return ByteText.equal(base + Int(key.start), address, name.count)
    }
}
