import Commands
import DeadLetters
import KafkaClient
import Logging
import Processor

/// Sends replayed letters, notes and events through an idempotent producer; one thread uses it.
package final class KafkaDeadLetterSink: DeadLetterSink {
    private let producer: KafkaProducer
    private var trouble: String?
    /// The topics' numbers of partitions. librdkafka looks at every partition of every topic it was told of, again and
    /// again: so it is told of those that are written to, when they are.
    private let partitions: [String: Int32]
    /// Monotonic microseconds of the last nudge, and the least to the next: longer and longer while no answer comes, and
    /// 5 ms at most while reports do.
    private var lastNudge: Int64 = 0
    private var nudgePause: Int64 = 0
    private var last: (name: String, handle: KafkaProducer.TopicHandle?) = ("", nil)

    /// - Parameter topics: The cluster's topics that may be written to, with their numbers of partitions.
    package init(
        configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)], logger: Logger
    ) throws {
        self.producer = try DeadLetterError.translating {
            try KafkaProducer(
                configuration: configuration.with(defaults: [
                    "client.id": "adjutant", "message.timeout.ms": "30000", "socket.nagle.disable": "true",
                    "message.max.bytes": "16777216", "queue.buffering.max.messages": "200000",
                    "queue.buffering.max.kbytes": "65536", "linger.ms": "2",
                ]), logger: logger)
        }
        self.partitions = Dictionary(topics.map { ($0.name, $0.partitions) }, uniquingKeysWith: { $1 })
    }

    package func send(
        _ record: borrowing OutgoingRecord, to topic: String, partition: Int32, token: Int
    ) throws -> Bool {
        if topic != self.last.name {
            self.last = (topic, self.producer.open(topic, partitions: self.partitions[topic] ?? 0))
        }
        do {
            let opaque = UnsafeMutableRawPointer(bitPattern: token + 1)
            if let handle = self.last.handle {
                try self.producer.send(record, to: handle, partition: partition, opaque: opaque)
            } else {
                try self.producer.send(record, to: topic, partition: partition, opaque: opaque)
            }
            return true
        } catch {
            if error.code == .queueFull { return false }
            throw SinkFailure(isOfRecord: Self.isOfRecord(error.code), error: DeadLetterError(error))
        }
    }

    package func hurry() {
        // librdkafka does not linger while somebody flushes.
        self.producer.flush(milliseconds: 1)
        let now = EngineClock.system.monotonic()
        guard self.producer.outstanding > 0, now - self.lastNudge >= self.nudgePause else { return }
        self.lastNudge = now
        // That the question is asked helps; its answer may be held back itself. Brokers that are far away get fewer.
        let isAnswered = self.producer.nudge(milliseconds: 1)
        self.nudgePause = isAnswered ? 0 : min(max(self.nudgePause * 2, 1_000), 1_000_000)
    }

    package func serve(milliseconds: Int, _ report: (SinkReport) -> Void) {
        var trouble = self.trouble
        defer { self.trouble = trouble }
        var milliseconds = milliseconds
        // Reports come by the partition: those that are there are taken together.
        while self.serve(milliseconds, &trouble, report) > 0 {
            milliseconds = 0
            self.nudgePause = min(self.nudgePause, 5_000)
        }
    }

    private func serve(_ milliseconds: Int, _ trouble: inout String?, _ report: (SinkReport) -> Void) -> Int {
        self.producer.serve(milliseconds: milliseconds, failed: { trouble = $0.message }) { delivery in
            let token = delivery.opaque.map { Int(bitPattern: $0) - 1 } ?? -1
            let failure = delivery.error.map { code in
                let detail = trouble.map { "; \($0)" } ?? ""
                return SinkFailure(
                    isOfRecord: Self.isOfRecord(code),
                    error: DeadLetterError(
                        KafkaError(code: code, message: "\(delivery.topic): \(code.text)\(detail)")))
            }
            report(
                SinkReport(
                    token: token, partition: delivery.partition, offset: delivery.offset, failure: failure))
        }
    }

    private static func isOfRecord(_ code: KafkaError.Code) -> Bool {
        [.messageTooLarge, .invalidArgument, .unknownTopic, .unknownTopicOrPartition].contains(code)
    }

    package func close() {
        self.producer.purge()
        self.producer.close()
    }
}
