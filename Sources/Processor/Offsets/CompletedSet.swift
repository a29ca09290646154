/// Finished offsets above a committed one, as sorted ranges, and their form in the commit's metadata.
///
/// The text is `adj1:` and base64url of: a checksum (4 bytes), the encoding (1 byte, 0), and a bitmap with one bit an
/// offset, from the committed offset's byte on, as tokens: a count of bytes that are all ones, a count of bytes that
/// follow as they are (both variable-length numbers), and those bytes. What is finished long since costs next to
/// nothing, a stuck key's commands some bytes each, the commands at work a bit each. A group that was used by another
/// program, or a later version, may have left anything there: whatever does not check out means "nothing known".
package struct CompletedSet: Sendable, Equatable {
    /// Sorted, not touching.
    package private(set) var ranges: [Range<Int64>] = []

    package init() {}

    package var isEmpty: Bool { self.ranges.isEmpty }

    package func contains(_ offset: Int64) -> Bool {
        var low = 0
        var high = self.ranges.count
        while low < high {
            let middle = (low + high) / 2
            if self.ranges[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
        }
        return low < self.ranges.count && self.ranges[low].contains(offset)
    }

    /// Adds a range above all others.
    package mutating func append(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        if let last = self.ranges.last, last.upperBound >= range.lowerBound {
            self.ranges[self.ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
        } else {
            self.ranges.append(range)
        }
    }

    package mutating func append(contentsOf other: CompletedSet, from offset: Int64) {
        for range in other.ranges where range.upperBound > offset {
            self.append(max(range.lowerBound, offset)..<range.upperBound)
        }
    }

    // MARK: - Metadata

    /// Kafka's default limit (`offset.metadata.max.bytes`).
    package static let metadataLimit = 4096
    static let prefix = "adj1:"
    /// Bytes of body that fit beside the memos: base64 makes four characters of three bytes.
    package static let bodyLimit = (metadataLimit - prefix.utf8.count - 1 - CommitMetadata.memoLimit) / 4 * 3 - 5

    /// The metadata to commit with `base`; empty when there is nothing to say. Ranges that do not fit are left out from
    /// the top, which costs a repeat and never a loss; the intake stops before it comes to that.
    package func metadata(base: Int64) -> String {
        guard !self.ranges.isEmpty else { return "" }
        var payload: [UInt8] = [0]
        self.appendBody(base: base, to: &payload)
        let sum = Checksum.of(payload, base: base)
        payload.insert(contentsOf: withUnsafeBytes(of: sum.bigEndian) { Array($0) }, at: 0)
        return Self.prefix + Base64URL.encode(payload)
    }

    /// What a token takes besides its literal bytes, if those are fewer than 128.
    static func tokenBytes(full: Int) -> Int { 1 + (max(1, Int.bitWidth - full.leadingZeroBitCount) + 6) / 7 }

    /// The set in a commit's metadata; nil when the text is not ours or is damaged.
    package init?(metadata: String, base: Int64) {
        guard !metadata.isEmpty else { return }
        guard metadata.hasPrefix(Self.prefix), metadata.utf8.count <= Self.metadataLimit,
            let payload = Base64URL.decode(metadata.dropFirst(Self.prefix.count)), payload.count > 5
        else { return nil }
        let sum = payload[0..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let body = Array(payload[4...])
        guard sum == Checksum.of(body, base: base), body[0] == 0, self.read(body, base: base) else { return nil }
    }

    /// The bitmap's bytes as tokens: how many bytes are all ones, how many follow as they are, and those.
    private func appendBody(base: Int64, to bytes: inout [UInt8]) {
        let origin = base & ~7
        var full = 0
        var literals: [UInt8] = []
        var pendingFull = 0
        var room = Self.bodyLimit - 16

        func flush(_ bytes: inout [UInt8]) {
            guard !literals.isEmpty else { return }
            VariableInteger.put(UInt64(full), into: &bytes)
            VariableInteger.put(UInt64(literals.count), into: &bytes)
            bytes.append(contentsOf: literals)
            full = 0
            literals.removeAll(keepingCapacity: true)
        }

        var byte: UInt8 = base == origin ? 0 : UInt8((1 << UInt16(base - origin)) - 1)
        var position = origin

        /// Closes the byte at `position`, and with it as many equal ones as the caller knows of.
        func close(_ value: UInt8, repeating count: Int) -> Bool {
            if value == 0xff {
                pendingFull += count
                return true
            }
            for _ in 0..<count {
                if pendingFull > 0 {
                    // Short runs of ones are cheaper as they are than as a token of their own.
                    if pendingFull <= 2, !literals.isEmpty {
                        literals.append(contentsOf: repeatElement(0xff, count: pendingFull))
                    } else {
                        flush(&bytes)
                        full += pendingFull
                    }
                    pendingFull = 0
                }
                literals.append(value)
                room = Self.bodyLimit - 16 - bytes.count - literals.count
                if room <= 0 { return false }
            }
            return true
        }

        for range in self.ranges {
            var offset = range.lowerBound
            let gapBytes = Int((offset & ~7) - position) / 8
            if gapBytes > 0 {
                guard close(byte, repeating: 1), gapBytes == 1 || close(0, repeating: gapBytes - 1) else { break }
                byte = 0
                position += Int64(gapBytes) * 8
            }
            while offset < range.upperBound {
                if offset == position, range.upperBound - offset >= 8 {
                    let count = Int(range.upperBound - offset) / 8
                    _ = close(0xff, repeating: count)
                    offset += Int64(count) * 8
                    position = offset
                    byte = 0
                    continue
                }
                byte |= 1 << UInt8(offset - position)
                offset += 1
                if offset == position + 8 {
                    guard close(byte, repeating: 1) else { break }
                    byte = 0
                    position = offset
                }
            }
            if room <= 0 { break }
        }
        if room > 0, byte != 0 { _ = close(byte, repeating: 1) }
        flush(&bytes)
        if pendingFull > 0 || full > 0 {
            VariableInteger.put(UInt64(full + pendingFull), into: &bytes)
            VariableInteger.put(0, into: &bytes)
        }
    }

    private mutating func read(_ body: [UInt8], base: Int64) -> Bool {
        var index = 1
        var position = base & ~7
        while index < body.count {
            guard let full = VariableInteger.get(body, &index), let literals = VariableInteger.get(body, &index),
                full < 1 << 40, literals <= UInt64(body.count - index)
            else { return false }
            if full > 0 { self.append(position..<position + Int64(full) * 8) }
            position += Int64(full) * 8
            for _ in 0..<literals {
                for bit in 0..<8 where body[index] >> UInt8(bit) & 1 == 1 {
                    self.append(position + Int64(bit)..<position + Int64(bit) + 1)
                }
                index += 1
                position += 8
            }
        }
        // The first byte's bits below the base stand for what was committed.
        if let first = self.ranges.first, first.lowerBound < base {
            self.ranges[0] = min(base, first.upperBound)..<first.upperBound
            if self.ranges[0].isEmpty { self.ranges.removeFirst() }
        }
        return true
    }
}
