import Commands
import JSONCoding

/// The ledger of one domain, kept up to date from its topic. Blocks; one thread uses it.
package final class LedgerStore {
    package private(set) var ledger = LetterLedger()
    package let topic: String
    /// Partitions of the topic; nil when there is no such topic, and so nothing was ever done.
    package let partitions: Int32?
    private let source: any DeadLetterSource
    /// Where reading goes on.
    private var next: [Int32: Int64]
    private var follower: (any DeadLetterReader)?
    private var records: [Record] = []
    /// The start of the keys that are not looked at again: those of batches that this process notes itself.
    private var ownPrefix: [UInt8]?
    /// What jobs note of themselves, while somebody wants to know each record.
    private var heard: [JobRecord]?

    /// Reads everything that is there.
    package init(domain: Domain, source: any DeadLetterSource) throws {
        self.topic = domain.deadLetterJobsTopic
        self.source = source
        let ranges = try source.ranges(of: self.topic)
        self.partitions = ranges.map { Int32($0.count) }
        self.next = Dictionary((ranges ?? []).map { ($0.partition, $0.low) }, uniquingKeysWith: { $1 })
        try self.read(to: ranges ?? [])
    }

    /// Takes in what was written since the last look, here or elsewhere.
    package func refresh() throws {
        guard self.partitions != nil else { return }
        if self.follower == nil {
            self.follower = try self.source.reader([
                self.topic: self.next.map { PartitionRange(partition: $0.key, low: $0.value, end: .max) }
            ])
        }
        if let follower = self.follower { try self.take(follower, milliseconds: 0) }
    }

    /// Takes in all that the topic holds by now: what was written before this was called is known when it returns.
    ///
    /// - Returns: What jobs noted of themselves since the last look, each job's records in their order.
    @discardableResult
    package func catchUp() throws -> [JobRecord] {
        guard let ranges = try self.source.ranges(of: self.topic) else { return [] }
        self.follower?.close()
        self.follower = nil
        self.heard = []
        defer { self.heard = nil }
        try self.read(to: ranges)
        return self.heard ?? []
    }

    private func read(to ranges: [PartitionRange]) throws {
        let open = ranges.map {
            PartitionRange(partition: $0.partition, low: max($0.low, self.next[$0.partition] ?? 0), end: $0.end)
        }.filter { $0.low < $0.end }
        guard !open.isEmpty else { return }
        let reader = try self.source.reader([self.topic: open])
        defer { reader.close() }
        while !reader.isComplete { try self.take(reader, milliseconds: 100) }
        for range in open { self.next[range.partition] = range.end }
    }

    func state(of letter: DeadLetter) -> LetterState { self.ledger.state(of: letter) }
    func state(of record: Record) -> LetterState { self.ledger.state(of: record) }
    /// Grows whenever something was done about letters.
    var revision: Int { self.ledger.revision }

    private func take(_ reader: any DeadLetterReader, milliseconds: Int) throws {
        self.records.removeAll(keepingCapacity: true)
        try reader.read(milliseconds: milliseconds, into: &self.records)
        for record in self.records {
            self.next[record.partition] = record.offset + 1
            if let ownPrefix, !record.key.isNull, record[record.key].starts(with: ownPrefix) { continue }
            if let job = self.ledger.apply(record) { self.heard?.append(job) }
        }
    }

    /// The batches of this job are noted by this process from now on.
    func own(job: String) { self.ownPrefix = Array("job/\(job)/".utf8) }

    package func close() { self.follower?.close() }
}

/// Writes the records of `D.dlt.jobs`.
enum LedgerWriter {
    static func write(_ job: JobRecord, into draft: inout OutgoingRecord) throws {
        try self.write(job, key: "job/\(job.id)", into: &draft)
    }

    static func write(_ batch: BatchRecord, into draft: inout OutgoingRecord) throws {
        try self.write(batch, key: "job/\(batch.job)/\(batch.number)", into: &draft)
    }

    static func write(_ action: ActionRecord, number: Int, into draft: inout OutgoingRecord) throws {
        try self.write(action, key: "action/\(action.id)/\(number)", into: &draft)
    }

    static func write(_ control: ControlRecord, into draft: inout OutgoingRecord) throws {
        try self.write(control, key: "control/\(control.job)", into: &draft)
    }

    private static func write(
        _ value: some Encodable, key: String, into draft: inout OutgoingRecord
    ) throws {
        draft.reset()
        draft.setKey(key.utf8)
        draft.addHeader("content-type", "application/json")
        draft.setValue(try FastJSONEncoder().encode(value))
    }

    /// All records of a job lie in one partition, so that a batch's two notes keep their order.
    static func partition(of job: String, count: Int32) -> Int32 {
        var hash: UInt32 = 0x811c_9dc5
        for byte in job.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return Int32(hash % UInt32(max(1, count)))
    }
}
