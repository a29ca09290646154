/// Offsets of one topic, by partition, as runs: what a batch or an action is about.
package struct LetterSet: Sendable, Hashable, Codable {
    struct Run: Sendable, Hashable {
        var start: Int64
        /// One past the last.
        var end: Int64
    }

    /// Ascending, without overlaps and neighbours.
    private(set) var runs: [Int32: [Run]] = [:]

    package init() {}

    package init(_ letters: some Sequence<LetterCoordinate>) {
        for letter in letters { self.insert(partition: letter.partition, offset: letter.offset) }
    }

    package var isEmpty: Bool { self.runs.isEmpty }

    package var count: Int {
        self.runs.values.reduce(0) { $0 + $1.reduce(0) { $0 + Int($1.end - $1.start) } }
    }

    /// Letters in the order in which they were read: partition by partition in runs, mostly.
    init(places: some Sequence<(Int32, Int64)>) {
        var current: Int32 = -1
        var run = Run(start: 0, end: 0)
        for (partition, offset) in places {
            if partition == current, offset == run.end {
                run.end += 1
                continue
            }
            self.insert(current, run)
            current = partition
            run = Run(start: offset, end: offset + 1)
        }
        self.insert(current, run)
    }

    private mutating func insert(_ partition: Int32, _ run: Run) {
        guard run.start < run.end else { return }
        if let last = self.runs[partition]?.last {
            guard run.start > last.end else {
                for offset in run.start..<run.end { self.insert(partition: partition, offset: offset) }
                return
            }
        }
        self.runs[partition, default: []].append(run)
    }

    package mutating func insert(partition: Int32, offset: Int64) {
        var list = self.runs.removeValue(forKey: partition) ?? []
        defer { self.runs[partition] = list }
        // Letters come in their order mostly.
        if let last = list.last, last.end == offset {
            list[list.count - 1].end = offset + 1
            return
        }
        let index = Self.position(of: offset, in: list)
        if index < list.count, list[index].start <= offset { return }
        if index < list.count, list[index].start == offset + 1 {
            list[index].start = offset
        } else {
            list.insert(Run(start: offset, end: offset + 1), at: index)
        }
        if index > 0, list[index - 1].end == list[index].start {
            list[index - 1].end = list[index].end
            list.remove(at: index)
        }
    }

    package func contains(partition: Int32, offset: Int64) -> Bool {
        guard let list = self.runs[partition] else { return false }
        let index = Self.position(of: offset, in: list)
        return index < list.count && list[index].start <= offset
    }

    /// Letters of a partition from one offset up to another.
    package func count(partition: Int32, from low: Int64, to end: Int64) -> Int {
        (self.runs[partition] ?? []).reduce(0) { $0 + Int(max(0, min($1.end, end) - max($1.start, low))) }
    }

    package mutating func formUnion(_ other: LetterSet) {
        other.forEach { self.insert(partition: $0, offset: $1) }
    }

    package func forEach(_ body: (_ partition: Int32, _ offset: Int64) -> Void) {
        for (partition, list) in self.runs {
            for run in list { for offset in run.start..<run.end { body(partition, offset) } }
        }
    }

    /// Calls the body with each unbroken run of letters; the end is one past the last.
    package func forEachRun(_ body: (_ partition: Int32, _ start: Int64, _ end: Int64) -> Void) {
        for (partition, list) in self.runs { for run in list { body(partition, run.start, run.end) } }
    }

    /// The part of each partition that holds the letters.
    package var ranges: [PartitionRange] {
        self.runs.sorted { $0.key < $1.key }.map {
            PartitionRange(partition: $0.key, low: $0.value.first!.start, end: $0.value.last!.end)
        }
    }

    /// The first run that ends after the offset.
    private static func position(of offset: Int64, in list: [Run]) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle].end > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: - Codable

    /// An object of arrays: partition to start, count, start, count…
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        for (name, numbers) in try container.decode([String: [Int64]].self) {
            guard let partition = Int32(name), partition >= 0, numbers.count % 2 == 0 else { continue }
            for index in stride(from: 0, to: numbers.count, by: 2) {
                let (start, count) = (numbers[index], numbers[index + 1])
                // Whoever wrote this: it must not make us loop for ever.
                guard start >= 0, count > 0, count <= 10_000_000, start < .max - count else { continue }
                self.insert(partition, Run(start: start, end: start + count))
            }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        var object: [String: [Int64]] = [:]
        for (partition, list) in self.runs { object["\(partition)"] = list.flatMap { [$0.start, $0.end - $0.start] } }
        try container.encode(object)
    }
}

/// A part of a partition.
package struct PartitionRange: Hashable, Sendable, Codable {
    package var partition: Int32
    package var low: Int64
    /// One past the last.
    package var end: Int64

    package init(partition: Int32, low: Int64, end: Int64) {
        self.partition = partition
        self.low = low
        self.end = end
    }

    package var count: Int64 { max(0, self.end - self.low) }
}
