import Commands
import Foundation
import Processor

/// One topic to write to, for one check.
package struct SinkStage {
    package var topic: String
    /// Has two partitions, 0 and 1.
    package var open: (any DeliveryReceiver) throws -> any EventSink
    package var makeWork: () -> Work
    /// What is stored, partition by partition, once there is so much of it.
    package var read: (_ count: Int) throws -> [[PlainRecord]]
    package var close: () -> Void

    package init(
        topic: String, open: @escaping (any DeliveryReceiver) throws -> any EventSink,
        makeWork: @escaping () -> Work, read: @escaping (Int) throws -> [[PlainRecord]], close: @escaping () -> Void
    ) {
        self.topic = topic
        self.open = open
        self.makeWork = makeWork
        self.read = read
        self.close = close
    }
}

/// What every ``EventSink`` promises; the in-memory one and Kafka's are held to the same. They block.
package enum SinkConformance: String, CaseIterable, Sendable {
    case everyRecordIsReportedOnce, recordsAreStoredWhole, aKeyKeepsItsOrder, aPartitionCanBeChosen
    case closingReportsWhatIsLeft

    package func run(on stage: SinkStage) throws {
        defer { stage.close() }
        let run = try SinkRun(stage)
        switch self {
        case .everyRecordIsReportedOnce: try run.everyRecordIsReportedOnce()
        case .recordsAreStoredWhole: try run.recordsAreStoredWhole()
        case .aKeyKeepsItsOrder: try run.aKeyKeepsItsOrder()
        case .aPartitionCanBeChosen: try run.aPartitionCanBeChosen()
        case .closingReportsWhatIsLeft: return try run.closingReportsWhatIsLeft()
        }
        run.sink.close()
    }
}

/// Counts what is reported.
///
/// `@unchecked Sendable`: the counts are guarded by the condition's lock.
private final class Reports: DeliveryReceiver, @unchecked Sendable {
    private let condition = NSCondition()
    private var delivered: [ObjectIdentifier: Int] = [:]
    private var failed: [ObjectIdentifier: [DeliveryFailure.Kind]] = [:]
    private var total = 0

    func delivered(_ works: [Work]) {
        self.condition.withLock {
            for work in works { self.delivered[ObjectIdentifier(work), default: 0] += 1 }
            self.total += works.count
            self.condition.broadcast()
        }
    }

    func undeliverable(_ work: Work, topic: String, commandID: String?, failure: DeliveryFailure) {
        self.condition.withLock {
            self.failed[ObjectIdentifier(work), default: []].append(failure.kind)
            self.total += 1
            self.condition.broadcast()
        }
    }

    func wait(for count: Int) throws {
        let end = Date(timeIntervalSinceNow: 30)
        try self.condition.withLock {
            while self.total < count {
                try check(self.condition.wait(until: end), "\(self.total) of \(count) reports within 30 s")
            }
        }
    }

    func count(_ work: Work) -> (delivered: Int, failed: [DeliveryFailure.Kind]) {
        self.condition.withLock {
            (self.delivered[ObjectIdentifier(work)] ?? 0, self.failed[ObjectIdentifier(work)] ?? [])
        }
    }

    var all: Int { self.condition.withLock { self.total } }
}

private final class SinkRun {
    let stage: SinkStage
    let sink: any EventSink
    private let reports = Reports()

    init(_ stage: SinkStage) throws {
        self.stage = stage
        self.sink = try stage.open(self.reports)
    }

    private func draft(_ record: PlainRecord) -> OutgoingRecord {
        var draft = OutgoingRecord()
        if let key = record.key { draft.setKey(key) }
        for header in record.headers { draft.addHeader(header.name, bytes: header.value) }
        if let value = record.value { draft.setValue(value) }
        return draft
    }

    private func send(_ record: PlainRecord, partition: Int32 = -1, for work: Work) throws {
        let end = Date(timeIntervalSinceNow: 30)
        while true {
            switch self.sink.send(self.draft(record), to: self.stage.topic, partition: partition, for: work) {
            case .accepted: return
            case .full:
                try check(Date() < end, "no room within 30 s")
                Thread.sleep(forTimeInterval: 0.002)
            case .refused(let failure): throw failure
            }
        }
    }

    // MARK: - Checks

    func everyRecordIsReportedOnce() throws {
        let works = (0..<100).map { _ in self.stage.makeWork() }
        for number in 0..<300 {
            try self.send(.numbered(number, key: "k-\(number % 7)"), for: works[number % 100])
        }
        try self.reports.wait(for: 300)
        try check(self.sink.flush(milliseconds: 10_000), "something is left after all reports")
        for work in works {
            let (delivered, failed) = self.reports.count(work)
            try check(delivered == 3 && failed.isEmpty, "\(delivered) reports for 3 records; failures: \(failed)")
        }
        let stored = try self.stage.read(300).joined().compactMap(\.number)
        try check(stored.sorted() == Array(0..<300), "\(stored.count) records are stored, not 300")
    }

    func recordsAreStoredWhole() throws {
        let work = self.stage.makeWork()
        for record in PlainRecord.odd { try self.send(record, partition: 0, for: work) }
        try self.reports.wait(for: PlainRecord.odd.count)
        let stored = try self.stage.read(PlainRecord.odd.count)[0]
        try check(stored == PlainRecord.odd, "stored is \(stored)")
    }

    func aKeyKeepsItsOrder() throws {
        for number in 0..<400 {
            try self.send(.numbered(number, key: "k-\(number % 4)"), for: self.stage.makeWork())
        }
        try self.reports.wait(for: 400)
        let partitions = try self.stage.read(400)
        for key in 0..<4 {
            let name = Array("k-\(key)".utf8)
            let mine = partitions.map { $0.filter { $0.key == name }.compactMap(\.number) }.filter { !$0.isEmpty }
            try check(mine.count == 1, "one key lies in \(mine.count) partitions")
            try check(mine[0] == Array(stride(from: key, to: 400, by: 4)), "a key's records lie out of order")
        }
    }

    func aPartitionCanBeChosen() throws {
        for number in 0..<20 {
            try self.send(.numbered(number), partition: Int32(number % 2), for: self.stage.makeWork())
        }
        // One that the topic does not have: the key decides.
        try self.send(.numbered(20), partition: 77, for: self.stage.makeWork())
        try self.reports.wait(for: 21)
        let stored = try self.stage.read(21).map { $0.compactMap(\.number).filter { $0 < 20 } }
        try check(
            stored == [Array(stride(from: 0, to: 20, by: 2)), Array(stride(from: 1, to: 20, by: 2))], "\(stored)")
    }

    func closingReportsWhatIsLeft() throws {
        let works = (0..<200).map { _ in self.stage.makeWork() }
        for (number, work) in works.enumerated() { try self.send(.numbered(number), for: work) }
        self.sink.close()
        // By then at the latest, and nothing afterwards.
        let all = self.reports.all
        try check(all == 200, "\(all) reports for 200 records when the sink is closed")
        for work in works {
            let (delivered, failed) = self.reports.count(work)
            try check(
                delivered + failed.count == 1, "\(delivered) deliveries and \(failed.count) failures of one record")
            try check(failed.allSatisfy { $0 == .dropped }, "dropped at the close is reported as \(failed)")
        }
        switch self.sink.send(self.draft(.numbered(0)), to: self.stage.topic, partition: -1, for: self.stage.makeWork())
        {
        case .refused(let failure): try check(failure.kind == .dropped, "after the close: \(failure)")
        case .accepted, .full: try check(false, "a closed sink takes records")
        }
    }
}
