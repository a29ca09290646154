extension TapeParser {
    /// The largest number of members for which keys are compared one by one.
    static let inlineKeys = 16

    /// Reads a key and the colon after it.
    mutating func scanKey() throws(JSONError) {
        guard position < count else {
            throw ended()
        }
        guard base[position] == UInt8(ascii: "\"") else {
            throw failure(.syntax, "a key was expected", at: position)
        }
        let (start, escaped) = try scanString()
        let end = position - 1
        skipSpace()
        guard position < count else {
            throw ended()
        }
        guard base[position] == UInt8(ascii: ":") else {
            throw failure(.syntax, "a colon was expected", at: position)
        }
        position += 1
        skipSpace()
        var key = TapeEntry(kind: .string, flags: escaped ? TapeEntry.escaped : 0, start: start, end: end, next: 0)
        if escaped {
            tape[container].info |= TapeEntry.hasEscapedKey
        }
        if refusesDuplicates, tape[container].childCount < Self.inlineKeys {
            key.next = escaped ? fingerprintOfEscaped(key.range) : Self.fingerprint(base + start, end - start)
            let bit = UInt32(1) << (key.next >> 27)
            if tape[container].end & bit != 0 {
                try compareWithEarlier(key)
            }
            tape[container].end |= bit
        }
        tape.append(key)
    }

    /// A cheap hash, good enough to tell a few keys apart.
    @inline(__always)
    static func fingerprint(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
        let raw = UnsafeRawPointer(bytes)
        var word: UInt64
        if count >= 8 {
            word = raw.loadUnaligned(as: UInt64.self)
            word ^= raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self) &* 0x9E37_79B9_7F4A_7C15
        } else if count >= 4 {
            word = UInt64(raw.loadUnaligned(as: UInt32.self))
            word |= UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
        } else if count > 0 {
            word = UInt64(bytes[0]) | UInt64(bytes[count / 2]) << 8 | UInt64(bytes[count - 1]) << 16
        } else {
            word = 0
        }
        let mixed = (word ^ UInt64(truncatingIfNeeded: count)) &* 0xD6E8_FEB8_6659_FD93
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    private func fingerprintOfEscaped(_ range: Range<Int>) -> UInt32 {
        StringEscapes.unescaped(base, range).withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { Self.fingerprint($0, bytes.count) } ?? 0
        }
    }

    /// Refuses a key which equals one of the keys before it in the open object.
    private func compareWithEarlier(_ key: TapeEntry) throws(JSONError) {
        var index = container + 1
        while index < tape.count {
            let other = tape[index]
            if other.next == key.next, isSame(other, key) {
                throw failure(.duplicateKey, "an object holds the same key twice", at: Int(key.start) - 1)
            }
            index = Int(tape[index + 1].next)
        }
    }

    private func isSame(_ one: TapeEntry, _ other: TapeEntry) -> Bool {
        if (one.info | other.info) & TapeEntry.escaped == 0 {
            let count = one.range.count
            return count == other.range.count
                && ByteText.equal(base + Int(one.start), base + Int(other.start), count)
        }
        return StringEscapes.unescaped(base, one.range) == StringEscapes.unescaped(base, other.range)
    }

    /// Refuses an object of many members, all of them read, with two equal keys, in linear time.
    func refuseDuplicates(in object: Int) throws(JSONError) {
        let end = tape.count
        var capacity = 64
        while capacity < tape[object].childCount * 2 {
            capacity *= 2
        }
        var slots = [UInt32](repeating: 0, count: capacity)
        var index = object + 1
        while index < end {
            let key = tape[index]
            var slot = strongHash(key) & (capacity - 1)
            while slots[slot] != 0 {
                if isSame(tape[Int(slots[slot])], key) {
                    throw failure(.duplicateKey, "an object holds the same key twice", at: Int(key.start) - 1)
                }
                slot = (slot + 1) & (capacity - 1)
            }
            slots[slot] = UInt32(truncatingIfNeeded: index)
            index = Int(tape[index + 1].next)
        }
    }

    /// A hash seeded per process, so that senders cannot choose colliding keys.
    private func strongHash(_ key: TapeEntry) -> Int {
        var hasher = Hasher()
        if key.has(TapeEntry.escaped) {
            StringEscapes.unescaped(base, key.range).withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            hasher.combine(bytes: UnsafeRawBufferPointer(start: base + Int(key.start), count: key.range.count))
        }
        return hasher.finalize()
    }
}
