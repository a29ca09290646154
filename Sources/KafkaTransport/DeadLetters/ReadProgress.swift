/// How far a range of a partition is read.
struct ReadProgress {
    /// The next offset expected.
    var next: Int64
    let end: Int64
    /// The partition's first offset, asked for when there was a gap.
    private var low: Int64?

    init(next: Int64, end: Int64) {
        self.next = next
        self.end = end
    }

    var isDone: Bool { self.next >= self.end }

    /// The next record lies there, or nothing more before there.
    ///
    /// Markers of transactions leave gaps too: only what lies before the partition's first offset is gone.
    ///
    /// - Parameter low: Asks for the partition's first offset.
    /// - Returns: How many records in between are gone.
    mutating func reach(_ offset: Int64, low: () -> Int64?) -> Int {
        guard offset > self.next else { return 0 }
        if self.low == nil { self.low = low() }
        guard let low = self.low else { return 0 }
        return Int(max(0, min(low, offset, self.end) - self.next))
    }

    /// Nothing more lies in the range; what did may have gone while it was read.
    ///
    /// - Returns: How many records up to its end are gone.
    mutating func finish(low: () -> Int64?) -> Int {
        self.low = nil
        defer { self.next = self.end }
        return self.reach(self.end, low: low)
    }
}
