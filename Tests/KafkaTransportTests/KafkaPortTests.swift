import Commands
import Foundation
import KafkaClient
import KafkaTransport
import Logging
import PortConformance
import Testing

@testable import Processor

/// Kafka's adapters keep to the engine's ports, against the embedded broker.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KafkaPortTests {
    @Test(arguments: SourceConformance.allCases) func theSourceConforms(check: SourceConformance) async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "in")
            try check.run(
                on: SourceStage(
                    topic: "in", send: { try cluster.send($1, to: $0) },
                    join: { KafkaSource(consumer: try cluster.member(), logger: .silent) },
                    rebalance: { _ in try cluster.addMember() }, close: { cluster.close() }))
        }
    }

    @Test(arguments: SinkConformance.allCases) func theSinkConforms(check: SinkConformance) async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out")
            let works = Works()
            try check.run(
                on: SinkStage(
                    topic: "out",
                    open: { receiver in
                        try KafkaSink(
                            configuration: KafkaConfiguration([
                                "bootstrap.servers": cluster.servers, "linger.ms": "5",
                            ]), topics: [("out", 2)], truncatable: ["out"], receiver: receiver, logger: .silent)
                    }, makeWork: { works.make() }, read: { try cluster.read($0) }, close: { cluster.close() }))
        }
    }

    @Test(arguments: RecordSenderConformance.allCases)
    func theRecordSenderConforms(check: RecordSenderConformance) async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out")
            try check.run(
                on: RecordSenderStage(
                    topic: "out",
                    open: { receiver in
                        try KafkaRecordSender(
                            configuration: KafkaConfiguration([
                                "bootstrap.servers": cluster.servers, "linger.ms": "5",
                            ]), receiver: receiver, logger: .silent)
                    }, read: { try cluster.read($0) }, close: { cluster.close() }))
        }
    }

    private static func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            NamedThread.start("test-port") { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// Commands for a sink to answer for.
private struct Works {
    private let slot = PartitionSlot(
        partition: TopicPartition("in", 0),
        domain: ProcessedDomain(names: "test", registry: try! Handlers().registry(), tiers: []), epoch: 1,
        progress: PartitionProgress(base: 0),
        surroundings: ContextSurroundings(domain: "test", worker: "w", logger: .silent))

    func make() -> Work {
        Work(
            record: Record(topic: "in", partition: 0, offset: 0, value: []), slot: self.slot, receivedAt: 0, laneID: nil
        )
    }
}

extension Logger {
    fileprivate static var silent: Logger { Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() } }
}

/// An embedded broker with one topic of two partitions, and programs round it that know nothing of the engine.
private final class Cluster {
    private let broker: EmbeddedBroker
    private let topic: String
    private let producer: KafkaProducer
    private var others: [Member] = []

    init(topic: String) throws {
        self.topic = topic
        self.broker = try EmbeddedBroker(logger: .silent)
        try self.broker.createTopics([(topic, 2)])
        self.producer = try KafkaProducer(
            configuration: KafkaConfiguration(["bootstrap.servers": self.broker.bootstrapServers]),
            topics: [(topic, 2)], logger: .silent)
    }

    var servers: String { self.broker.bootstrapServers }

    func send(_ records: [PlainRecord], to partition: Int32) throws {
        for record in records {
            var draft = OutgoingRecord()
            if let key = record.key { draft.setKey(key) }
            for header in record.headers { draft.addHeader(header.name, bytes: header.value) }
            if let value = record.value { draft.setValue(value) }
            try self.producer.send(draft, to: self.topic, partition: partition, opaque: nil)
        }
        let end = Date(timeIntervalSinceNow: 30)
        while self.producer.outstanding > 0 {
            guard Date() < end else { throw ConformanceFailure(description: "cannot send within 30 s") }
            self.producer.serve(milliseconds: 20, failed: { _ in }) { _ in }
        }
    }

    func member() throws -> KafkaConsumer {
        let consumer = try KafkaConsumer(
            configuration: KafkaConfiguration([
                "bootstrap.servers": self.servers, "group.id": "group", "fetch.wait.max.ms": "10",
                "session.timeout.ms": "3000", "heartbeat.interval.ms": "300",
            ]), logger: .silent)
        try consumer.subscribe([self.topic])
        return consumer
    }

    /// Another member, which takes what it is given.
    func addMember() throws { self.others.append(Member(try self.member())) }

    func read(_ count: Int) throws -> [[PlainRecord]] {
        let consumer = try KafkaConsumer(
            configuration: KafkaConfiguration([
                "bootstrap.servers": self.servers, "group.id": "reader", "fetch.wait.max.ms": "10",
            ]), logger: .silent)
        defer { consumer.close() }
        try consumer.assignManually((0..<2).map { KafkaPartition(topic: self.topic, partition: $0, offset: 0) })
        var records: [Record] = []
        let end = Date(timeIntervalSinceNow: 30)
        while records.count < count {
            guard Date() < end else { throw ConformanceFailure(description: "\(records.count) of \(count) are stored") }
            _ = consumer.poll(milliseconds: 50, limit: 1000, into: &records)
        }
        return (0..<2).map { partition in records.filter { $0.partition == partition }.map { PlainRecord($0) } }
    }

    func close() {
        for member in self.others { member.close() }
        self.producer.close()
        self.broker.close()
    }
}

/// A group member that answers rebalances and does nothing else.
///
/// `@unchecked Sendable`: the consumer is used by the member's own thread until that has ended.
private final class Member: @unchecked Sendable {
    private let consumer: KafkaConsumer
    private let condition = NSCondition()
    private var isClosing = false
    private let ended = DispatchSemaphore(value: 0)

    init(_ consumer: KafkaConsumer) {
        self.consumer = consumer
        NamedThread.start("test-member") { self.run() }
    }

    private func run() {
        var records: [Record] = []
        while !self.condition.withLock({ self.isClosing }) {
            switch self.consumer.poll(milliseconds: 20, limit: 100, into: &records) {
            case .assigned(let partitions): try? self.consumer.assign(partitions)
            case .revoked(let partitions, _): try? self.consumer.unassign(partitions)
            default: break
            }
        }
        self.consumer.close()
        self.ended.signal()
    }

    func close() {
        self.condition.withLock { self.isClosing = true }
        self.ended.wait()
    }
}
