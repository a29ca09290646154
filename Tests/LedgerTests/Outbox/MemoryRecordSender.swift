import Commands
import Foundation
import PortConformance
import Processor

/// A sender that stores in memory, and fails as it is told to.
///
/// `@unchecked Sendable`: everything that changes is guarded by the condition's lock.
final class MemoryRecordSender: RecordSender, @unchecked Sendable {
    private struct Entry {
        var topic: String
        var record: PlainRecord
        var ticket: Int
    }

    private let condition = NSCondition()
    private let receiver: any RecordReceiver
    private let store: MemoryStore
    private var queue: [Entry] = []
    private var isClosing = false
    private var mustStartOver = false
    private let ended = DispatchSemaphore(value: 0)

    init(receiver: any RecordReceiver, store: MemoryStore) {
        self.receiver = receiver
        self.store = store
        NamedThread.start("test-sender") { self.deliver() }
    }

    func send(
        _ record: borrowing OutgoingRecord, to topic: String, ticket: Int, isTrial: Bool
    ) -> RecordSendResult {
        let plain = PlainRecord(
            Record(
                topic: topic, partition: 0, offset: 0, timestamp: 0, bytes: record.bytes, headers: record.headers,
                key: record.key, value: record.value))
        return self.condition.withLock {
            guard !self.isClosing, !self.mustStartOver, self.queue.count < 500 else { return .full }
            self.queue.append(Entry(topic: topic, record: plain, ticket: ticket))
            self.condition.broadcast()
            return .accepted
        }
    }

    func startOver() {
        self.condition.withLock {
            self.mustStartOver = true
            self.condition.broadcast()
        }
    }

    func close() {
        self.condition.withLock {
            self.isClosing = true
            self.condition.broadcast()
        }
        self.ended.wait()
    }

    private func deliver() {
        while true {
            let (batch, isClosing, mustStartOver) = self.condition.withLock {
                while self.queue.isEmpty, !self.isClosing, !self.mustStartOver { self.condition.wait() }
                defer { self.queue = [] }
                // What fails takes all behind it along, so nothing is accepted until that is reported.
                return (self.queue, self.isClosing, self.mustStartOver)
            }
            if isClosing || mustStartOver {
                self.report(batch.map { ($0, .unknown) })
                self.condition.withLock { self.mustStartOver = false }
                if isClosing { break }
                continue
            }
            self.deliver(batch)
        }
        self.ended.signal()
    }

    private func deliver(_ batch: [Entry]) {
        var reports: [(Entry, RecordOutcome)] = []
        for (index, entry) in batch.enumerated() {
            let outcome = self.store.outcome(of: entry.record, to: entry.topic)
            reports.append((entry, outcome))
            guard outcome != .delivered else { continue }
            let late = self.condition.withLock {
                defer { self.queue = [] }
                self.mustStartOver = true
                return self.queue
            }
            reports += (batch[(index + 1)...] + late).map { ($0, .unknown) }
            break
        }
        self.report(reports)
    }

    private func report(_ reports: [(Entry, RecordOutcome)]) {
        if !reports.isEmpty {
            self.receiver.settled(reports.map { RecordReport(ticket: $0.0.ticket, outcome: $0.1) })
        }
    }
}

/// What arrived, and what goes wrong on the way.
///
/// `@unchecked Sendable`: everything that changes is guarded by the lock.
final class MemoryStore: @unchecked Sendable {
    /// Called for each record; what it returns other than `delivered` becomes of the record. An unknown outcome may
    /// store it all the same.
    typealias Fault = (_ record: PlainRecord, _ topic: String) -> (outcome: RecordOutcome, isStored: Bool)

    private let lock = NSLock()
    private let fault: Fault
    private var records: [String: [PlainRecord]] = [:]

    init(fault: @escaping Fault = { _, _ in (.delivered, true) }) { self.fault = fault }

    func outcome(of record: PlainRecord, to topic: String) -> RecordOutcome {
        self.lock.withLock {
            let (outcome, isStored) = self.fault(record, topic)
            if isStored { self.records[topic, default: []].append(record) }
            return outcome
        }
    }

    func records(of topic: String) -> [PlainRecord] { self.lock.withLock { self.records[topic] ?? [] } }
}
