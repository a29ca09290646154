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

    /// Producers fail for good one after the other, each while the reports of those before it still come.
    @Test func whatSeveralFailedProducersHeldIsDelivered() async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out")
            defer { cluster.close() }
            let works = Works()
            let tally = Tally()
            let sink = try KafkaSink(
                configuration: KafkaConfiguration(["bootstrap.servers": cluster.servers, "linger.ms": "5"]),
                topics: [("out", 2)], truncatable: ["out"], receiver: tally, logger: .silent)
            defer { sink.close() }
            cluster.refuseProduce(times: 12)
            let all = (0..<20_000).map { _ in works.make() }
            for (number, work) in all.enumerated() {
                var draft = OutgoingRecord()
                draft.setKey("k-\(number % 50)".utf8)
                draft.addHeader("number", "\(number)")
                draft.setValue([UInt8](repeating: 0x20, count: 100))
                while true {
                    if case .accepted = sink.send(draft, to: "out", partition: -1, for: work) { break }
                    try tally.requireNoFailure()
                    Thread.sleep(forTimeInterval: 0.002)
                }
            }
            try tally.wait(for: all.count)
            #expect(tally.failures == [])
            #expect(tally.reportedTwice == 0)
        }
    }

    /// A broker that refuses a record for what it is will do so again.
    @Test(arguments: [KafkaError.Code.invalidRecord, .unsupportedMessageFormat, .policyViolation])
    func whatABrokerRefusesForItsContentIsReported(code: KafkaError.Code) async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out")
            defer { cluster.close() }
            let tally = Tally()
            let sink = try Self.sink(for: cluster, tally)
            defer { sink.close() }
            cluster.refuseProduce(times: 20, with: code)
            let work = Works().make()
            try Self.send("k", to: "out", for: work, through: sink, tally)
            tally.waitForFailure()
            #expect(tally.failures == ["other: \(code.text), command of k"])
        }
    }

    /// A broker that restarts may answer for a moment that it does not know a topic.
    @Test func aTopicThatIsMissingForAMomentIsWaitedForAndBarsNoOther() async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out", further: ["other"])
            defer { cluster.close() }
            let works = Works()
            let tally = Tally()
            let sink = try Self.sink(for: cluster, tally)
            defer { sink.close() }
            var sent = 0
            func send(_ count: Int, to topic: String) throws {
                for number in 0..<count {
                    try Self.send("k-\(number % 10)", to: topic, for: works.make(), through: sink, tally)
                }
                sent += count
            }
            try send(100, to: "out")
            try send(100, to: "other")
            try tally.wait(for: sent)

            cluster.refuse(topic: "out", with: .unknownTopicOrPartition)
            // Until the client has heard of it.
            while case .accepted = sink.send(Self.draft("k"), to: "out", partition: -1, for: works.make()) {
                sent += 1
                Thread.sleep(forTimeInterval: 0.002)
            }
            try tally.requireNoFailure()
            let sentMeanwhile = 100
            let all = (0..<sentMeanwhile).map { _ in works.make() }
            let ended = DispatchSemaphore(value: 0)
            NamedThread.start("test-sender") {
                for work in all { try? Self.send("k", to: "out", for: work, through: sink, tally) }
                ended.signal()
            }
            let others = (0..<100).map { _ in works.make() }
            for work in others { try Self.send("k", to: "other", for: work, through: sink, tally) }
            sent += others.count
            try tally.wait(for: others)

            cluster.refuse(topic: "out", with: nil)
            ended.wait()
            sent += sentMeanwhile
            try tally.wait(for: sent)
            #expect(tally.failures == [])
            #expect(tally.reportedTwice == 0)
        }
    }

    /// Only so long, and it may still come.
    @Test func aTopicThatStaysMissingIsRefusedUntilItIsThere() async throws {
        try await Self.blocking {
            let cluster = try Cluster(topic: "out")
            defer { cluster.close() }
            let works = Works()
            let tally = Tally()
            let sink = try Self.sink(for: cluster, tally, topicPatience: .seconds(3))
            defer { sink.close() }
            try Self.send("k", to: "out", for: works.make(), through: sink, tally)
            try tally.wait(for: 1)

            cluster.refuse(topic: "out", with: .unknownTopicOrPartition)
            var wasFull = false
            let end = Date(timeIntervalSinceNow: 60)
            sending: while true {
                guard Date() < end else { throw ConformanceFailure(description: "not refused within 60 s") }
                switch sink.send(Self.draft("k"), to: "out", partition: -1, for: works.make()) {
                case .accepted: break
                case .full: wasFull = true
                case .refused(let failure):
                    #expect(failure.kind == .other)
                    break sending
                }
                Thread.sleep(forTimeInterval: 0.002)
            }
            #expect(wasFull)

            cluster.refuse(topic: "out", with: nil)
            let before = tally.deliveredCount
            while tally.deliveredCount == before {
                guard Date() < end else { throw ConformanceFailure(description: "not delivered within 60 s") }
                _ = sink.send(Self.draft("k"), to: "out", partition: -1, for: works.make())
                Thread.sleep(forTimeInterval: 0.02)
            }
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

    private static func sink(
        for cluster: Cluster, _ tally: Tally, topicPatience: Duration = .seconds(120)
    ) throws -> KafkaSink {
        try KafkaSink(
            configuration: KafkaConfiguration([
                "bootstrap.servers": cluster.servers, "linger.ms": "5", "topic.metadata.refresh.interval.ms": "200",
                // As if the topics had been known for long.
                "topic.metadata.propagation.max.ms": "0",
            ]), topics: [("out", 2), ("other", 2)], truncatable: ["out"], topicPatience: topicPatience,
            receiver: tally, logger: .silent)
    }

    private static func draft(_ key: String) -> OutgoingRecord {
        var draft = OutgoingRecord()
        draft.setKey(key.utf8)
        draft.addHeader("ce_subject", "command of \(key)")
        draft.setValue([UInt8](repeating: 0x20, count: 100))
        return draft
    }

    /// Sends a record as soon as the sink takes it.
    private static func send(
        _ key: String, to topic: String, for work: Work, through sink: KafkaSink, _ tally: Tally
    ) throws {
        let draft = Self.draft(key)
        while true {
            switch sink.send(draft, to: topic, partition: -1, for: work) {
            case .accepted: return
            case .full: break
            case .refused(let failure): throw ConformanceFailure(description: "refused: \(failure)")
            }
            try tally.requireNoFailure()
            Thread.sleep(forTimeInterval: 0.002)
        }
    }

    private static func blocking(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            NamedThread.start("test-port") { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// What a sink reports.
///
/// `@unchecked Sendable`: everything is guarded by the condition's lock.
private final class Tally: DeliveryReceiver, @unchecked Sendable {
    private let condition = NSCondition()
    /// Kept alive, so that no other one gets its identifier.
    private var seen: [ObjectIdentifier: Work] = [:]
    private var repeats = 0
    private var failed: [String] = []

    var failures: [String] { self.condition.withLock { self.failed } }
    var deliveredCount: Int { self.condition.withLock { self.seen.count } }
    var reportedTwice: Int { self.condition.withLock { self.repeats } }

    func delivered(_ works: [Work]) {
        self.condition.withLock {
            for work in works where self.seen.updateValue(work, forKey: ObjectIdentifier(work)) != nil {
                self.repeats += 1
            }
            self.condition.broadcast()
        }
    }

    func undeliverable(_ work: Work, topic: String, commandID: String?, failure: DeliveryFailure) {
        self.condition.withLock {
            self.failed.append("\(failure.kind): \(failure.message), \(commandID ?? "nobody's")")
            self.condition.broadcast()
        }
    }

    func requireNoFailure() throws {
        if let first = self.failures.first { throw ConformanceFailure(description: "not delivered: \(first)") }
    }

    func waitForFailure() {
        let end = Date(timeIntervalSinceNow: 60)
        self.condition.withLock {
            while self.seen.isEmpty, self.failed.isEmpty, self.condition.wait(until: end) {}
        }
    }

    func wait(for works: [Work]) throws {
        let end = Date(timeIntervalSinceNow: 60)
        try self.condition.withLock {
            while !works.allSatisfy({ self.seen[ObjectIdentifier($0)] != nil }), self.failed.isEmpty {
                guard self.condition.wait(until: end) else {
                    throw ConformanceFailure(description: "not all delivered within 60 s")
                }
            }
        }
    }

    func wait(for count: Int) throws {
        let end = Date(timeIntervalSinceNow: 60)
        try self.condition.withLock {
            while self.seen.count < count, self.failed.isEmpty {
                guard self.condition.wait(until: end) else {
                    throw ConformanceFailure(description: "\(self.seen.count) of \(count) delivered within 60 s")
                }
            }
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

    init(topic: String, further: [String] = []) throws {
        self.topic = topic
        self.broker = try EmbeddedBroker(logger: .silent)
        try self.broker.createTopics(([topic] + further).map { ($0, 2) })
        self.producer = try KafkaProducer(
            configuration: KafkaConfiguration(["bootstrap.servers": self.broker.bootstrapServers]),
            topics: [(topic, 2)], logger: .silent)
    }

    var servers: String { self.broker.bootstrapServers }

    /// The next produce requests are refused; unless told otherwise, each in a way that ends an idempotent producer.
    func refuseProduce(times: Int, with code: KafkaError.Code = .outOfOrderSequence) {
        self.broker.refuse(.produce, with: Array(repeating: code, count: times))
    }

    func refuse(topic: String, with code: KafkaError.Code?) { self.broker.refuse(topic: topic, with: code) }

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
