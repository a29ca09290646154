import Commands
import Foundation
import Processor

/// One topic to write to, for one check.
package struct RecordSenderStage {
    package var topic: String
    /// Has two partitions.
    package var open: (any RecordReceiver) throws -> any RecordSender
    /// What is stored, partition by partition, once there is so much of it.
    package var read: (_ count: Int) throws -> [[PlainRecord]]
    package var close: () -> Void

    package init(
        topic: String, open: @escaping (any RecordReceiver) throws -> any RecordSender,
        read: @escaping (Int) throws -> [[PlainRecord]], close: @escaping () -> Void
    ) {
        self.topic = topic
        self.open = open
        self.read = read
        self.close = close
    }
}

/// What every ``RecordSender`` promises; the in-memory one and Kafka's are held to the same. They block.
package enum RecordSenderConformance: String, CaseIterable, Sendable {
    case everyRecordIsReportedOnce, recordsAreStoredWhole, aKeyKeepsItsOrder, trialsAreDelivered
    case startingOverReportsWhatIsLeft, closingReportsWhatIsLeft

    package func run(on stage: RecordSenderStage) throws {
        defer { stage.close() }
        let run = try RecordSenderRun(stage)
        switch self {
        case .everyRecordIsReportedOnce: try run.everyRecordIsReportedOnce()
        case .recordsAreStoredWhole: try run.recordsAreStoredWhole()
        case .aKeyKeepsItsOrder: try run.aKeyKeepsItsOrder()
        case .trialsAreDelivered: try run.trialsAreDelivered()
        case .startingOverReportsWhatIsLeft: try run.startingOverReportsWhatIsLeft()
        case .closingReportsWhatIsLeft: return try run.closingReportsWhatIsLeft()
        }
        run.sender.close()
    }
}

/// Keeps what is reported.
///
/// `@unchecked Sendable`: the outcomes are guarded by the condition's lock.
private final class Reports: RecordReceiver, @unchecked Sendable {
    private let condition = NSCondition()
    private var outcomes: [Int: [RecordOutcome]] = [:]
    private var total = 0

    func settled(_ reports: [RecordReport]) {
        self.condition.withLock {
            for report in reports { self.outcomes[report.ticket, default: []].append(report.outcome) }
            self.total += reports.count
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

    /// By ticket.
    var all: [Int: [RecordOutcome]] { self.condition.withLock { self.outcomes } }
}

private final class RecordSenderRun {
    let stage: RecordSenderStage
    let sender: any RecordSender
    private let reports = Reports()

    init(_ stage: RecordSenderStage) throws {
        self.stage = stage
        self.sender = try stage.open(self.reports)
    }

    private func send(_ record: PlainRecord, ticket: Int, isTrial: Bool = false) throws {
        var draft = OutgoingRecord()
        if let key = record.key { draft.setKey(key) }
        for header in record.headers { draft.addHeader(header.name, bytes: header.value) }
        if let value = record.value { draft.setValue(value) }
        let end = Date(timeIntervalSinceNow: 30)
        while true {
            switch self.sender.send(draft, to: self.stage.topic, ticket: ticket, isTrial: isTrial) {
            case .accepted: return
            case .full:
                try check(Date() < end, "no room within 30 s")
                Thread.sleep(forTimeInterval: 0.002)
            case .failed(let outcome): throw ConformanceFailure(description: "not accepted: \(outcome)")
            }
        }
    }

    private func expectOneReport(of tickets: ClosedRange<Int>, among allowed: Set<RecordOutcome>) throws {
        let all = self.reports.all
        try check(Set(all.keys) == Set(tickets), "\(all.count) tickets are reported, not \(tickets.count)")
        for (ticket, outcomes) in all {
            try check(outcomes.count == 1 && allowed.isSuperset(of: outcomes), "ticket \(ticket): \(outcomes)")
        }
    }

    // MARK: - Checks

    func everyRecordIsReportedOnce() throws {
        for number in 1...300 { try self.send(.numbered(number, key: "k-\(number % 7)"), ticket: number) }
        try self.reports.wait(for: 300)
        try self.expectOneReport(of: 1...300, among: [.delivered])
        let stored = try self.stage.read(300).joined().compactMap(\.number)
        try check(stored.sorted() == Array(1...300), "\(stored.count) records are stored, not 300")
    }

    func recordsAreStoredWhole() throws {
        for (index, record) in PlainRecord.odd.enumerated() { try self.send(record, ticket: index + 1) }
        try self.reports.wait(for: PlainRecord.odd.count)
        let stored = try Array(self.stage.read(PlainRecord.odd.count).joined())
        for record in PlainRecord.odd { try check(stored.contains(record), "\(record) is not stored") }
    }

    func aKeyKeepsItsOrder() throws {
        for number in 1...400 { try self.send(.numbered(number, key: "k-\(number % 4)"), ticket: number) }
        try self.reports.wait(for: 400)
        try self.expectOrder(in: try self.stage.read(400), of: Array(1...400))
    }

    private func expectOrder(in partitions: [[PlainRecord]], of numbers: [Int]) throws {
        for key in 0..<4 {
            let name = Array("k-\(key)".utf8)
            let mine = partitions.map { $0.filter { $0.key == name }.compactMap(\.number) }.filter { !$0.isEmpty }
            try check(mine.count == 1, "one key lies in \(mine.count) partitions")
            try check(mine[0] == numbers.filter { $0 % 4 == key }, "a key's records lie out of order")
        }
    }

    func trialsAreDelivered() throws {
        for number in 1...4 {
            try self.send(.numbered(number, key: "k-\(number % 4)"), ticket: number, isTrial: true)
            try self.reports.wait(for: number)
        }
        for number in 5...40 { try self.send(.numbered(number, key: "k-\(number % 4)"), ticket: number) }
        try self.reports.wait(for: 40)
        try self.expectOneReport(of: 1...40, among: [.delivered])
        try self.expectOrder(in: try self.stage.read(40), of: Array(1...40))
    }

    /// What was delivered before is a beginning of what was sent: nothing has been left out.
    func startingOverReportsWhatIsLeft() throws {
        for number in 1...200 { try self.send(.numbered(number, key: "k-\(number % 4)"), ticket: number) }
        self.sender.startOver()
        try self.reports.wait(for: 200)
        try self.expectOneReport(of: 1...200, among: [.delivered, .unknown])
        let delivered = self.reports.all.filter { $0.value == [.delivered] }.keys
        for key in 0..<4 {
            let sent = (1...200).filter { $0 % 4 == key }
            let arrived = sent.filter { delivered.contains($0) }
            try check(arrived == Array(sent.prefix(arrived.count)), "records arrived before those ahead of them")
        }
        // It goes on.
        try self.send(.numbered(201, key: "k-1"), ticket: 201)
        try self.reports.wait(for: 201)
        try check(self.reports.all[201] == [.delivered], "after starting over: \(self.reports.all[201] ?? [])")
    }

    func closingReportsWhatIsLeft() throws {
        for number in 1...200 { try self.send(.numbered(number), ticket: number) }
        self.sender.close()
        // By then at the latest.
        try self.expectOneReport(of: 1...200, among: [.delivered, .unknown])
    }
}
