/// What is known of a command that waits in place for another attempt: enough for another worker to go on with it.
package struct RetryMemo: Sendable, Hashable {
    /// Attempts made.
    package var attempts: Int
    /// Unix milliseconds before which it is not tried again.
    package var due: Int64

    package init(attempts: Int, due: Int64) {
        self.attempts = attempts
        self.due = due
    }
}

/// The commit's metadata: the completed set, and after a dot the commands of strict order that wait for a retry.
///
/// The second part is base64url of a checksum (4 bytes) and triples of variable-length numbers: the offset from the
/// committed one, attempts, and the due time. What does not fit is left out, the highest offsets first: those commands'
/// attempts are counted anew after a crash.
package struct CommitMetadata: Sendable {
    package var completed: CompletedSet
    package var memos: [Int64: RetryMemo]

    package init(completed: CompletedSet = CompletedSet(), memos: [Int64: RetryMemo] = [:]) {
        self.completed = completed
        self.memos = memos
    }

    /// Characters that the second part may take.
    static let memoLimit = 512

    package func text(base: Int64) -> String {
        let set = self.completed.metadata(base: base)
        guard !self.memos.isEmpty else { return set }
        var body: [UInt8] = []
        for (offset, memo) in self.memos.sorted(by: { $0.key < $1.key }) where offset >= base {
            var entry: [UInt8] = []
            VariableInteger.put(UInt64(offset - base), into: &entry)
            VariableInteger.put(UInt64(max(0, memo.attempts)), into: &entry)
            VariableInteger.put(UInt64(max(0, memo.due)), into: &entry)
            guard body.count + entry.count + 4 <= Self.memoLimit / 4 * 3 - 3 else { break }
            body.append(contentsOf: entry)
        }
        guard !body.isEmpty else { return set }
        let sum = Checksum.of(body, base: base)
        return (set.isEmpty ? CompletedSet.prefix : set) + "."
            + Base64URL.encode(withUnsafeBytes(of: sum.bigEndian) { Array($0) } + body)
    }

    /// Nil when the text is not Adjutant's or is damaged.
    package init?(text: String, base: Int64) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first else { return nil }
        if first == CompletedSet.prefix, parts.count == 2 {
            self.init()
        } else if let set = CompletedSet(metadata: String(first), base: base) {
            self.init(completed: set)
        } else {
            return nil
        }
        guard parts.count == 2 else { return }
        guard let payload = Base64URL.decode(parts[1]), payload.count > 4 else { return nil }
        let body = Array(payload[4...])
        guard payload[0..<4].reduce(UInt32(0), { $0 << 8 | UInt32($1) }) == Checksum.of(body, base: base) else {
            return nil
        }
        var index = 0
        while index < body.count {
            guard let offset = VariableInteger.get(body, &index), let attempts = VariableInteger.get(body, &index),
                let due = VariableInteger.get(body, &index), offset < 1 << 48, attempts < 1 << 20, due < 1 << 50
            else { return nil }
            self.memos[base + Int64(offset)] = RetryMemo(attempts: Int(attempts), due: Int64(due))
        }
    }
}

/// Little-endian base-128 numbers.
enum VariableInteger {
    static func put(_ value: UInt64, into bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    static func get(_ bytes: [UInt8], _ index: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < bytes.count, shift < 63 {
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}

/// FNV-1a over an offset and bytes: what was written for another offset does not pass.
enum Checksum {
    static func of(_ bytes: [UInt8], base: Int64) -> UInt32 {
        var hash: UInt32 = 0x811c_9dc5
        for shift in stride(from: 0, to: 64, by: 8) {
            hash = (hash ^ UInt32(truncatingIfNeeded: base >> Int64(shift)) & 0xff) &* 0x0100_0193
        }
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return hash
    }
}
