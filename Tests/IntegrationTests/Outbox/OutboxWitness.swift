import Commands
import Foundation
import KafkaClient
import Synchronization

/// Reads topics from their beginning and checks the order of each key: numbers that are seen for the first time must
/// follow each other without a gap.
final class OutboxWitness: Sendable {
    struct Contents {
        /// By topic and key, the number that is due next.
        fileprivate(set) var next: [String: Int] = [:]
        fileprivate(set) var records: [Record] = []
        fileprivate(set) var repetitions = 0
        /// What broke the order.
        fileprivate(set) var faults: [String] = []
        /// Distinct numbered records.
        fileprivate(set) var distinct = 0

        fileprivate mutating func add(_ record: Record, keeps: Bool) {
            if keeps { self.records.append(record) }
            guard let key = record.text(record.key), let number = record.text(record.value).flatMap({ Int($0) }) else {
                return
            }
            let name = "\(record.topic)/\(key)"
            let due = self.next[name] ?? 0
            if number == due {
                self.next[name] = due + 1
                self.distinct += 1
            } else if number < due {
                self.repetitions += 1
            } else {
                self.faults.append("\(name): \(number) where \(due) was due")
            }
        }
    }

    private struct State {
        var contents = Contents()
        var isClosing = false
    }

    private let consumer: KafkaConsumer
    private let state = Mutex(State())
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter keeps: Whether the records themselves are kept.
    init(_ bootstrap: String, topics: [(name: String, partitions: Int)], keeps: Bool = false) throws {
        self.consumer = try KafkaConsumer(
            configuration: KafkaConfiguration([
                "bootstrap.servers": bootstrap, "group.id": "outbox-witness", "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": "10", "reconnect.backoff.max.ms": "200",
            ]), logger: .silent)
        try self.consumer.assignManually(
            topics.flatMap { topic in
                (0..<topic.partitions).map {
                    KafkaPartition(topic: topic.name, partition: Int32($0), offset: KafkaPartition.beginning)
                }
            })
        let thread = Thread { self.read(keeps) }
        thread.name = "test-witness"
        thread.start()
    }

    private func read(_ keeps: Bool) {
        var records: [Record] = []
        while !self.state.withLock({ $0.isClosing }) {
            _ = self.consumer.poll(milliseconds: 50, limit: 2_000, into: &records)
            self.state.withLock { state in for record in records { state.contents.add(record, keeps: keeps) } }
            records.removeAll(keepingCapacity: true)
        }
        self.ended.signal()
    }

    var now: Contents { self.state.withLock { $0.contents } }
    var distinct: Int { self.state.withLock { $0.contents.distinct } }

    func close() async throws {
        self.state.withLock { $0.isClosing = true }
        try await blocking {
            self.ended.wait()
            self.consumer.close()
        }
    }
}

extension OutboxLab {
    /// Runs the body with a witness of these topics.
    func watching(
        _ topics: [(name: String, partitions: Int)] = [("out", 16)], keeps: Bool = false,
        body: (OutboxWitness) async throws -> Void
    ) async throws {
        let witness = try OutboxWitness(self.broker.bootstrapServers, topics: topics, keeps: keeps)
        do {
            try await body(witness)
        } catch {
            try await witness.close()
            throw error
        }
        try await witness.close()
    }
}
