import Commands
import Foundation
import Processor

/// One group and one topic, for one check.
package struct SourceStage {
    package var topic: String
    /// Has two partitions, 0 and 1.
    package var send: (_ partition: Int32, _ records: [PlainRecord]) throws -> Void
    /// A member of the group, which will be given both partitions.
    package var join: () throws -> any CommandSource
    /// Makes the group take partitions away from the member, which goes on polling.
    package var rebalance: (_ member: any CommandSource) throws -> Void
    package var close: () -> Void

    package init(
        topic: String, send: @escaping (Int32, [PlainRecord]) throws -> Void,
        join: @escaping () throws -> any CommandSource, rebalance: @escaping (any CommandSource) throws -> Void,
        close: @escaping () -> Void
    ) {
        self.topic = topic
        self.send = send
        self.join = join
        self.rebalance = rebalance
        self.close = close
    }
}

/// What every ``CommandSource`` promises; the in-memory one and Kafka's are held to the same. They block.
package enum SourceConformance: String, CaseIterable, Sendable {
    case nothingArrivesBeforeTheBegin, recordsArriveInOrderAndWhole, readingBeginsAtTheOffset, aPollKeepsToItsLimits
    case aPauseHoldsItsPartitionOnly, aPauseInTheMiddleLosesAndRepeatsNothing, commitsAreThereAgain
    case aCommitIsAnsweredLater, wakingEndsThePoll, whatIsReleasedBringsNothing, aReleaseEndsThePause
    case wakingAfterTheCloseIsHarmless

    package func run(on stage: SourceStage) throws {
        defer { stage.close() }
        let run = try SourceRun(stage)
        switch self {
        case .nothingArrivesBeforeTheBegin: try run.nothingArrivesBeforeTheBegin()
        case .recordsArriveInOrderAndWhole: try run.recordsArriveInOrderAndWhole()
        case .readingBeginsAtTheOffset: try run.readingBeginsAtTheOffset()
        case .aPollKeepsToItsLimits: try run.aPollKeepsToItsLimits()
        case .aPauseHoldsItsPartitionOnly: try run.aPauseHoldsItsPartitionOnly()
        case .aPauseInTheMiddleLosesAndRepeatsNothing: try run.aPauseInTheMiddleLosesAndRepeatsNothing()
        case .commitsAreThereAgain: try run.commitsAreThereAgain()
        case .aCommitIsAnsweredLater: try run.aCommitIsAnsweredLater()
        case .wakingEndsThePoll: try run.wakingEndsThePoll()
        case .whatIsReleasedBringsNothing: try run.whatIsReleasedBringsNothing()
        case .aReleaseEndsThePause: try run.aReleaseEndsThePause()
        case .wakingAfterTheCloseIsHarmless: try run.begin()
        }
        run.source.close(milliseconds: 10_000)
        if self == .wakingAfterTheCloseIsHarmless { for _ in 0..<100 { run.source.wake() } }
    }
}

/// A member at work on one check.
private final class SourceRun {
    let stage: SourceStage
    let source: any CommandSource
    private var batch = SourceBatch()
    /// Everything that arrived, by partition.
    private var arrived: [Int32: [Record]] = [:]
    private var events: [SourceEvent] = []

    init(_ stage: SourceStage) throws {
        self.stage = stage
        self.source = try stage.join()
    }

    private func place(_ partition: Int32) -> TopicPartition { TopicPartition(self.stage.topic, partition) }
    private var both: [TopicPartition] { [self.place(0), self.place(1)] }
    private func numbers(_ partition: Int32) -> [Int] {
        (self.arrived[partition] ?? []).map { PlainRecord($0).number ?? -1 }
    }

    @discardableResult
    private func poll(milliseconds: Int = 20, limit: PollLimit = PollLimit(records: 100, bytes: 1 << 20)) -> [Record] {
        self.source.poll(milliseconds: milliseconds, limit: limit, into: &self.batch)
        let records = self.batch.records
        for record in records { self.arrived[record.partition, default: []].append(record) }
        if let event = self.batch.event { self.events.append(event) }
        self.batch.reset()
        return records
    }

    /// Polls until the condition holds.
    private func poll(_ what: String, limit: PollLimit? = nil, until isMet: () -> Bool) throws {
        let end = Date(timeIntervalSinceNow: 30)
        while !isMet() {
            try check(Date() < end, "\(what): not within 30 s; arrived: \(self.arrived.mapValues(\.count))")
            if let limit { self.poll(limit: limit) } else { self.poll() }
        }
    }

    /// Some polls that are to bring nothing of the partitions.
    private func quiet(_ what: String, _ partitions: Set<Int32>) throws {
        for _ in 0..<15 {
            let wrong = self.poll().filter { partitions.contains($0.partition) }
            try check(wrong.isEmpty, "\(what): \(wrong.count) records of \(partitions) arrived")
        }
    }

    private func waitForPartitions() throws {
        func given() -> Set<TopicPartition> {
            var given: Set<TopicPartition> = []
            for case .assigned(let partitions) in self.events { given.formUnion(partitions) }
            return given
        }
        try self.poll("the assignment") { given().isSuperset(of: self.both) }
    }

    /// Takes both partitions on.
    func begin(at offset: Int64? = nil) throws {
        try self.waitForPartitions()
        try self.source.begin(self.both.map { (partition: $0, offset: offset) })
    }

    private func send(_ partition: Int32, _ numbers: Range<Int>, bytes: Int = 10) throws {
        try self.stage.send(partition, numbers.map { .numbered($0, bytes: bytes) })
    }

    // MARK: - Checks

    func nothingArrivesBeforeTheBegin() throws {
        try self.send(0, 0..<3)
        try self.waitForPartitions()
        try self.quiet("before the begin", [0, 1])
        try self.begin()
        try self.poll("the records") { self.numbers(0) == [0, 1, 2] }
    }

    func recordsArriveInOrderAndWhole() throws {
        try self.stage.send(0, PlainRecord.odd)
        try self.send(1, 0..<500)
        try self.begin()
        try self.poll("the records") { self.arrived[0]?.count == PlainRecord.odd.count && self.numbers(1).count == 500 }
        let odd = self.arrived[0]!.map { PlainRecord($0) }
        try check(odd == PlainRecord.odd, "records arrive changed: \(odd)")
        try check(self.numbers(1) == Array(0..<500), "records arrive out of order")
        for records in self.arrived.values {
            let offsets = records.map(\.offset)
            try check(offsets == Array(0..<Int64(records.count)), "offsets out of order: \(offsets.prefix(20))")
            try check(records.allSatisfy { $0.topic == self.stage.topic }, "wrong topic")
        }
    }

    func readingBeginsAtTheOffset() throws {
        try self.send(0, 0..<10)
        try self.begin(at: 7)
        try self.poll("the records") { self.numbers(0).count >= 3 }
        try self.quiet("after the last record", [0])
        try check(self.numbers(0) == [7, 8, 9], "from offset 7 on came \(self.numbers(0))")
        try self.send(0, 10..<11)
        try self.poll("a new record") { self.numbers(0) == [7, 8, 9, 10] }
    }

    func aPollKeepsToItsLimits() throws {
        try self.send(0, 0..<60, bytes: 300)
        try self.begin()
        while self.numbers(0).count < 30 {
            let records = self.poll(limit: PollLimit(records: 7, bytes: 1 << 20))
            try check(records.count <= 7, "\(records.count) records in a poll of at most 7")
        }
        try self.poll("the rest", limit: PollLimit(records: 100, bytes: 1000)) {
            let before = self.numbers(0).count
            let bytes = self.poll(limit: PollLimit(records: 100, bytes: 1000)).map(\.bytes.count)
            return before >= 60 || bytes.dropLast().reduce(0, +) >= 1000
        }
        try check(self.numbers(0) == Array(0..<60), "the bytes' limit was passed, or records were lost")
    }

    func aPauseHoldsItsPartitionOnly() throws {
        for partition: Int32 in 0...1 { try self.send(partition, 0..<50) }
        try self.begin()
        self.source.pause([self.place(0)])
        try self.poll("the other partition") { self.numbers(1).count == 50 }
        try self.quiet("while it is paused", [0])
        try check(self.numbers(0).isEmpty, "\(self.numbers(0).count) records of a paused partition")
        self.source.resume([self.place(0)])
        try self.poll("the resumed partition") { self.numbers(0).count >= 50 }
        try check(self.numbers(0) == Array(0..<50), "after the pause came \(self.numbers(0))")
    }

    func aPauseInTheMiddleLosesAndRepeatsNothing() throws {
        try self.send(0, 0..<200)
        try self.begin()
        for round in 1...4 {
            try self.poll("some records", limit: PollLimit(records: 10, bytes: 1 << 20)) {
                self.numbers(0).count >= round * 30
            }
            self.source.pause([self.place(0)])
            try self.quiet("while it is paused", [0])
            self.source.resume([self.place(0)])
        }
        try self.poll("the rest") { self.numbers(0).count >= 200 }
        try self.quiet("after the last record", [0])
        try check(self.numbers(0) == Array(0..<200), "over pauses came \(self.numbers(0))")
    }

    func commitsAreThereAgain() throws {
        try self.send(0, 0..<10)
        try self.begin()
        let none = try self.source.committed(self.both)
        try check(none.count == 2 && none.allSatisfy { $0.offset == nil }, "offsets that nobody committed: \(none)")
        let metadata = String(repeating: "m", count: 4096)
        try self.source.commit(
            [OffsetCommit(partition: self.place(0), offset: 3, metadata: metadata)], waiting: 10_000)
        try self.source.commit([OffsetCommit(partition: self.place(1), offset: 0, metadata: "")], waiting: 10_000)
        let both = try self.source.committed(self.both).sorted { $0.partition.partition < $1.partition.partition }
        try check(both.map(\.offset) == [3, 0], "committed offsets: \(both.map(\.offset))")
        try check(both[0].metadata == metadata, "the metadata came back changed")
        try check((both[1].metadata ?? "").isEmpty, "metadata out of nowhere")
    }

    func aCommitIsAnsweredLater() throws {
        try self.begin()
        try self.source.commit([OffsetCommit(partition: self.place(0), offset: 5, metadata: "x")], waiting: nil)
        func answer() -> (partitions: [TopicPartition], failure: SourceFailure?)? {
            for case .committed(let partitions, let failure) in self.events { return (partitions, failure) }
            return nil
        }
        try self.poll("the answer") { answer() != nil }
        try check(answer()?.failure == nil, "the commit failed: \(answer()!.failure!)")
        try check(answer()?.partitions == [self.place(0)], "the answer is for \(answer()!.partitions)")
        let offset = try self.source.committed([self.place(0)]).first?.offset
        try check(offset == 5, "committed is \(offset as Any)")
    }

    func wakingEndsThePoll() throws {
        try self.begin()
        for _ in 0..<5 { self.poll() }
        let source = self.source
        let thread = Thread {
            Thread.sleep(forTimeInterval: 0.1)
            source.wake()
        }
        let start = Date()
        thread.start()
        self.poll(milliseconds: 20_000)
        try check(Date().timeIntervalSince(start) < 10, "the poll did not end")
    }

    func whatIsReleasedBringsNothing() throws {
        try self.begin()
        try self.stage.rebalance(self.source)
        func revoked() -> [TopicPartition] {
            for case .revoked(let partitions, _) in self.events { return partitions }
            return []
        }
        try self.poll("the revoke") { !revoked().isEmpty }
        let gone = revoked()
        let before = self.arrived.values.reduce(0) { $0 + $1.count }
        try self.source.release(gone)
        for partition: Int32 in 0...1 { try self.send(partition, 0..<10) }
        // Until the group gives something again, and it is begun, nothing comes.
        for _ in 0..<15 { self.poll() }
        let after = self.arrived.values.reduce(0) { $0 + $1.count }
        try check(after == before, "\(after - before) records of released partitions")
    }

    /// What was paused when the group took it away is read again when the group gives it back.
    func aReleaseEndsThePause() throws {
        for partition: Int32 in 0...1 { try self.send(partition, 0..<50) }
        try self.begin()
        try self.poll("some records", limit: PollLimit(records: 5, bytes: 1 << 20)) { !self.arrived.isEmpty }
        self.source.pause(self.both)
        try self.quiet("while they are paused", [0, 1])
        try self.source.release(self.both)
        for _ in 0..<5 { self.poll() }
        let next = (0...1).map { Int64(self.numbers(Int32($0)).count) }
        try self.source.begin(self.both.map { (partition: $0, offset: next[Int($0.partition)]) })
        try self.poll("the rest after the return") { self.numbers(0).count >= 50 && self.numbers(1).count >= 50 }
        for partition: Int32 in 0...1 {
            try check(
                self.numbers(partition) == Array(0..<50), "after the return came \(self.numbers(partition))")
        }
        // And a pause works as before.
        self.source.pause([self.place(0)])
        try self.send(0, 50..<60)
        try self.quiet("while it is paused again", [0])
        self.source.resume([self.place(0)])
        try self.poll("what came meanwhile") { self.numbers(0).count >= 60 }
    }
}
