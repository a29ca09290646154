import DequeModule

/// Which offsets of one partition are finished: the contiguous start that can be committed, and what lies above it.
///
/// A state machine without I/O. Offsets that were never delivered (compaction, transaction markers) count as finished:
/// waiting for them would be waiting for ever. A long gap of them is kept as a range and not offset by offset: most of it
/// is left out of the bits.
package struct PartitionProgress: Sendable {
    /// Everything below is finished: the offset to commit.
    package private(set) var base: Int64
    /// The offset after the last one taken.
    package private(set) var next: Int64
    /// Taken and not finished.
    package private(set) var unfinished = 0
    /// Bit i of the words says whether the offset is finished whose position is `origin + i`; `origin` is a multiple of 64
    /// at or below `base`. An offset's position is itself, less what was left out of gaps below it and above `base`.
    private var words: Deque<UInt64> = []
    private var origin: Int64
    private var cuts: Deque<Cut> = []
    /// The sum of the cuts.
    private var cutOut: Int64 = 0
    /// Finished before this assignment, from the commit's metadata.
    private var earlier: CompletedSet
    private var startsAnywhere = false

    /// Offsets of a gap that have no bits: as many as `count`, from the one whose position would be `position`. A multiple
    /// of 64, and a word or more of the gap keeps its bits, so that bytes of the metadata are bytes of the words.
    private struct Cut {
        var position: Int64
        var count: Int64
    }

    /// Gaps of more offsets than this are cut.
    private static let longGap: Int64 = 4096

    package init(base: Int64, completed: CompletedSet = CompletedSet()) {
        self.base = base
        self.next = base
        self.origin = base & ~63
        self.earlier = completed
    }

    /// Nothing was ever committed: the first record that arrives is the base, wherever the topic begins.
    package mutating func startAnywhere() { self.startsAnywhere = true }

    /// Offsets between the lowest unfinished one and the last one taken.
    package var span: Int { Int(self.next - self.base) }

    /// Whether anything above `base` is finished, in this assignment or an earlier one.
    package var hasCompletedAbove: Bool {
        (self.unfinished > 0 && self.span > self.unfinished)
            || (self.earlier.ranges.last.map { $0.upperBound > self.next } ?? false)
    }

    /// Whether the completed set might outgrow the commit's metadata if more records were taken.
    ///
    /// Finishing a record only turns zeros into ones, which never makes the text longer: the bytes that are not all ones
    /// now, and the tokens between them, are the most that the set can come to take.
    package var isNearMetadataLimit: Bool {
        // A token of 128 literal bytes and more takes a byte more than counted here.
        // Nor are the more bytes that a token takes which counts a long gap.
        let room = CompletedSet.bodyLimit * 127 / 128 - 16 - Self.reserve - self.cuts.count * 5
        // All unfinished records in bytes of their own, and still room.
        if self.unfinished * 5 <= room { return false }
        var cost = 0
        var distance = 0
        for word in self.words {
            if word == .max {
                distance += 8
                continue
            }
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                if word >> shift & 0xff == 0xff {
                    distance += 1
                } else {
                    cost += 1 + min(distance, CompletedSet.tokenBytes(full: distance))
                    distance = 0
                }
            }
        }
        // Records taken beyond the last finished one have no words yet.
        cost += max(0, (Int(self.end - self.origin) + 7) / 8 - self.words.count * 8)
        return cost > room
    }

    /// Bytes that one poll's records may add: 256 of them, each in a token of its own at worst, as on a compacted topic.
    private static let reserve = 256 * 5

    /// Notes that the record at `offset` arrived; false when it was finished before, or was seen already.
    package mutating func take(_ offset: Int64) -> Bool {
        guard offset >= self.next else { return false }
        if self.startsAnywhere {
            self = PartitionProgress(base: offset, completed: self.earlier)
        }
        if offset > self.next { self.skip(to: offset) }
        self.next = offset + 1
        if self.earlier.contains(offset) {
            self.markFinished(self.end - 1..<self.end)
            self.advance()
            return false
        }
        self.unfinished += 1
        self.advance()
        return true
    }

    /// The offsets up to this one were never delivered.
    private mutating func skip(to offset: Int64) {
        // With nothing unfinished below, a jump needs no bits at all.
        if self.unfinished == 0, self.next == self.base {
            self.next = offset
            return self.moveBase(to: offset)
        }
        let start = self.end
        let length = offset - self.next
        var kept = length
        if length >= Self.longGap {
            let count = (length - 64) & ~63
            self.cuts.append(Cut(position: start, count: count))
            self.cutOut += count
            kept -= count
        }
        self.next = offset
        self.markFinished(start..<start + kept)
    }

    /// Notes that the record at `offset` is finished; true when `base` moved.
    package mutating func finish(_ offset: Int64) -> Bool {
        guard offset >= self.base, offset < self.next, !self.isFinished(offset) else { return false }
        self.unfinished -= 1
        guard self.unfinished > 0 else {
            // The last one out: all that was taken is finished, above the offset too.
            self.moveBase(to: self.next)
            return true
        }
        if let position = self.position(of: offset) { self.markFinished(position..<position + 1) }
        guard offset == self.base else { return false }
        self.advance()
        return true
    }

    package func isFinished(_ offset: Int64) -> Bool {
        guard offset >= self.base, let position = self.position(of: offset) else { return true }
        let bit = Int(position - self.origin)
        guard bit >> 6 < self.words.count else { return false }
        return self.words[bit >> 6] >> UInt64(bit & 63) & 1 == 1
    }

    // MARK: - Positions

    /// The position after the last offset taken.
    private var end: Int64 { self.next - self.cutOut }

    /// The offset's position; nil when it lies in a cut, and is finished.
    private func position(of offset: Int64) -> Int64? {
        guard !self.cuts.isEmpty else { return offset }
        var position = offset
        for cut in self.cuts {
            if position < cut.position { return position }
            if position < cut.position + cut.count { return nil }
            position -= cut.count
        }
        return position
    }

    // MARK: - What is finished

    /// What is finished above `base`, for the commit's metadata: this assignment's and, beyond `next`, earlier ones'.
    package func completedAbove() -> CompletedSet {
        var set = CompletedSet()
        var position = self.base
        let end = self.end
        // Cuts below the position, so that a run which begins at a cut begins before it.
        var cut = 0
        var shift: Int64 = 0
        func offset(_ position: Int64) -> Int64 {
            while cut < self.cuts.count, self.cuts[cut].position < position {
                shift += self.cuts[cut].count
                cut += 1
            }
            return position + shift
        }
        while position < end {
            let bit = Int(position - self.origin)
            guard bit >> 6 < self.words.count else { break }
            let left = 64 - bit & 63
            let word = self.words[bit >> 6] >> UInt64(bit & 63)
            if word & 1 == 0 {
                position += Int64(min(word.trailingZeroBitCount, left))
            } else {
                let run = min((~word).trailingZeroBitCount, left, Int(end - position))
                let start = offset(position)
                position += Int64(run)
                set.append(start..<offset(position))
            }
        }
        set.append(contentsOf: self.earlier, from: self.next)
        return set
    }

    private mutating func markFinished(_ positions: Range<Int64>) {
        let first = Int(positions.lowerBound - self.origin)
        let last = Int(positions.upperBound - 1 - self.origin)
        while self.words.count <= last >> 6 { self.words.append(0) }
        var bit = first
        while bit <= last {
            let word = bit >> 6
            let low = bit & 63
            let high = min(63, low + last - bit)
            let mask = (high - low == 63) ? UInt64.max : ((1 << UInt64(high - low + 1)) - 1) << UInt64(low)
            self.words[word] |= mask
            bit = (word + 1) << 6
        }
    }

    /// Everything below is finished, and nothing above it is: no bits are needed.
    private mutating func moveBase(to offset: Int64) {
        self.base = offset
        self.words.removeAll(keepingCapacity: true)
        self.cuts.removeAll()
        self.cutOut = 0
        self.origin = offset & ~63
    }

    /// Moves `base` over what is finished and drops whole words below it.
    private mutating func advance() {
        while self.base < self.next {
            let bit = Int(self.base - self.origin)
            guard bit >> 6 < self.words.count else { return }
            let word = self.words[bit >> 6] >> UInt64(bit & 63)
            let run = min((~word).trailingZeroBitCount, 64 - bit & 63, Int(self.end - self.base))
            guard run > 0 else { return }
            self.base += Int64(run)
            self.dropCuts()
            while self.base - self.origin >= 64, !self.words.isEmpty {
                self.words.removeFirst()
                self.origin += 64
            }
        }
    }

    /// Positions above a cut that `base` has come to are offsets again.
    private mutating func dropCuts() {
        while let cut = self.cuts.first, self.base >= cut.position {
            self.cuts.removeFirst()
            self.cutOut -= cut.count
            self.base += cut.count
            self.origin += cut.count
            for index in self.cuts.indices { self.cuts[index].position += cut.count }
        }
    }
}
