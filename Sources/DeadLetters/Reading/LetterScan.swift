import Commands
import Processor

/// How far a scan came.
package struct ScanReport: Sendable, Hashable {
    package enum End: Sendable, Hashable {
        /// Everything up to the ends at its start was read.
        case complete
        /// Whoever scanned had enough.
        case enough
        case outOfTime
        /// As many records as a scan may read.
        case atLimit
        case interrupted
    }

    package var scanned = 0
    package var matched = 0
    /// Records that the topic once had and that were gone before the scan.
    package var trimmed: Int64 = 0
    /// Records that went while it ran.
    package var missing = 0
    package var end = End.complete

    package init() {}

    /// Whether some letter may exist that the scan did not see.
    package var isCutShort: Bool { self.end != .complete && self.end != .enough }
}

/// Reads a dead-letter topic from end to end, once. Blocks.
package struct LetterScan {
    package struct Bounds: Sendable {
        /// Records to read at most.
        package var records = Int.max
        /// Monotonic microseconds at which to stop; nil for never.
        package var deadline: Int64?

        package init() {}
    }

    private let source: any DeadLetterSource
    private let topic: String
    private let clock: EngineClock
    package var bounds = Bounds()
    package var isStopping: () -> Bool = { false }
    package var progress: (_ scanned: Int, _ total: Int64) -> Void = { _, _ in }

    package init(source: any DeadLetterSource, topic: String, clock: EngineClock = .system) {
        self.source = source
        self.topic = topic
        self.clock = clock
    }

    /// The topic's partitions, or an error that names it.
    package func ranges() throws -> [PartitionRange] {
        guard let ranges = try self.source.ranges(of: self.topic) else {
            throw DeadLetterError(.missing, "there is no topic \(self.topic)")
        }
        return ranges
    }

    /// Hands over every record of the ranges, partition by partition in order.
    ///
    /// - Parameter take: False when it has enough.
    package func run(_ ranges: [PartitionRange], take: (DeadLetter) throws -> Bool) throws -> ScanReport {
        var report = ScanReport()
        let reader = try self.source.reader([self.topic: ranges])
        defer { reader.close() }
        let total = ranges.reduce(0) { $0 + $1.count }
        var records: [Record] = []
        var lastProgress = self.clock.monotonic()
        reading: while !reader.isComplete {
            let now = self.clock.monotonic()
            if self.isStopping() { report.end = .interrupted }
            if let deadline = self.bounds.deadline, now >= deadline { report.end = .outOfTime }
            if report.scanned >= self.bounds.records { report.end = .atLimit }
            if report.end != .complete { break }
            records.removeAll(keepingCapacity: true)
            try reader.read(milliseconds: 100, into: &records)
            for record in records {
                report.scanned += 1
                if try !take(DeadLetter(record)) {
                    report.end = .enough
                    break reading
                }
            }
            if now - lastProgress > 200_000 {
                lastProgress = now
                self.progress(report.scanned, total)
            }
        }
        report.missing = reader.missing
        return report
    }
}
