/// The parts of a job's ranges that the broker still keeps.
struct TrimmedRanges {
    private(set) var ranges: [PartitionRange]
    /// Records that it does not, and of which the job knows nothing.
    private(set) var missing = 0
    /// Letters that it does not, and that the job had sent or put aside before.
    private(set) var known = 0

    /// - Parameters:
    ///   - present: The topic's partitions as they are now.
    ///   - known: Letters that the job has sent or put aside for certain.
    init(_ ranges: [PartitionRange], present: [PartitionRange], known: LetterSet) {
        self.ranges = ranges
        for (index, range) in ranges.enumerated() {
            guard let now = present.first(where: { $0.partition == range.partition }), now.low > range.low else {
                continue
            }
            let low = min(now.low, range.end)
            let settled = known.count(partition: range.partition, from: range.low, to: low)
            self.known += settled
            self.missing += max(0, Int(low - range.low) - settled)
            self.ranges[index].low = low
        }
    }
}
