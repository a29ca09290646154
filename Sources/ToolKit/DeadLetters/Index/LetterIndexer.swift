import Commands
import DeadLetters
import Ledger

/// Brings the index of one dead-letter topic up to date: what is new on it, what was done since, what is gone.
struct LetterIndexer {
    let index: DeadLetterIndex
    let feed: IndexFeed

    /// - Returns: Records that the topic once had and that the broker no longer keeps.
    func run() async throws -> Int64 {
        let (topic, jobs) = (self.feed.topic, self.feed.domain.deadLetterJobsTopic)
        try await self.index.lock(topic)
        // The ends of what was done first: a letter that something was done about by then is on the topic.
        let done = try await self.feed.call { try $0.ranges(of: jobs) }
        let letters = try await self.feed.call { try $0.ranges(of: topic) }
        let (letterStarts, changed) = try await self.starts(of: letters, on: topic)
        for partition in changed { try await self.index.forget(topic, partition: partition) }
        var (doneStarts, changedDone) = try await self.starts(of: done, on: jobs)
        if !changed.isEmpty || !changedDone.isEmpty {
            try await self.index.forgetStates(topic, source: jobs)
            doneStarts = done
        }
        let lows = letters.filter { $0.low > 0 }.map { (partition: $0.partition, low: $0.low) }
        if !lows.isEmpty { try await self.index.trim(topic, lows: lows) }
        let progress = ProgressLine()
        defer { progress.clear() }
        try await self.read(topic, letterStarts, progress) { records, positions in
            try await self.index.add(
                records.map { IndexedLetter(DeadLetter($0), .parked) }, to: topic, positions)
        }
        try await self.read(jobs, doneStarts, progress) { records, positions in
            try await self.index.apply(
                records.flatMap { Self.marks(of: $0, topic) }, to: topic, source: jobs, slack: LetterLedger.slack,
                positions)
        }
        try await self.index.unlock(topic)
        return letters.reduce(0) { $0 + $1.low }
    }

    private static func marks(of record: Record, _ topic: String) -> [DeadLetterIndex.Mark] {
        var marks: [DeadLetterIndex.Mark] = []
        for mark in LedgerEntry(record)?.marks ?? [] where mark.topic == topic {
            mark.letters.forEachRun { partition, start, end in
                marks.append(
                    .init(partition: partition, start: start, end: end, state: mark.state.rawValue, at: mark.at))
            }
        }
        return marks
    }

    // MARK: - Reading

    /// Where to go on, and which partitions are not those that were read before: the topic was made anew.
    private func starts(
        of ranges: [PartitionRange], on source: String
    ) async throws -> (ranges: [PartitionRange], changed: [Int32]) {
        let positions = try await self.index.positions(of: self.feed.topic, source: source)
        var changed = Set(positions.keys).subtracting(ranges.map(\.partition))
        var last: [PartitionRange] = []
        for range in ranges {
            guard let position = positions[range.partition] else { continue }
            if position.next > range.end {
                changed.insert(range.partition)
            } else if position.next > range.low {
                last.append(
                    PartitionRange(partition: range.partition, low: position.next - 1, end: position.next))
            }
        }
        // A record that compaction has dropped tells nothing.
        let checks = last
        try await self.feed.call { try $0.open(source, checks) }
        while true {
            let records = try await self.feed.call { try $0.next() }
            if records.isEmpty { break }
            for record in records where record.timestamp != positions[record.partition]?.lastRecordedAt {
                changed.insert(record.partition)
            }
        }
        let starts = ranges.map { range in
            var range = range
            if !changed.contains(range.partition), let position = positions[range.partition] {
                range.low = max(range.low, position.next)
            }
            return range
        }
        return (starts, changed.sorted())
    }

    private func read(
        _ source: String, _ ranges: [PartitionRange], _ progress: ProgressLine,
        take: ([Record], [DeadLetterIndex.Position]) async throws -> Void
    ) async throws {
        let total = ranges.reduce(0) { $0 + $1.count }
        guard total > 0 else { return }
        try await self.feed.call { try $0.open(source, ranges) }
        var done = 0
        while true {
            let records = try await self.feed.call { try $0.next() }
            if records.isEmpty { return }
            var positions: [Int32: DeadLetterIndex.Position] = [:]
            for record in records {
                positions[record.partition] = .init(
                    partition: record.partition, next: record.offset + 1, lastRecordedAt: record.timestamp)
            }
            try await take(records, positions.values.sorted { $0.partition < $1.partition })
            done += records.count
            progress.show("indexing \(source)", done: Double(done), of: Double(total))
        }
    }
}
