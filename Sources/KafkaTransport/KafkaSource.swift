import Commands
import KafkaClient
import Logging
import Processor

/// The engine's source: a member of a consumer group.
package final class KafkaSource: CommandSource {
    private let consumer: KafkaConsumer
    private let requestTimeout = 15_000

    private let logger: Logger

    package init(consumer: KafkaConsumer, logger: Logger) {
        self.consumer = consumer
        self.logger = logger
    }

    package func poll(milliseconds: Int, limit: PollLimit, into batch: inout SourceBatch) {
        guard
            let event = self.consumer.poll(
                milliseconds: milliseconds, limit: limit.records, bytes: limit.bytes, into: &batch.records)
        else { return }
        batch.event =
            switch event {
            case .assigned(let partitions): .assigned(partitions.map(\.ours))
            case .revoked(let partitions, let isLost): .revoked(partitions.map(\.ours), lost: isLost)
            case .committed(let partitions, let error):
                .committed(partitions.map(\.ours), failure: error.map { SourceFailure($0) })
            case .reachedEnd: nil
            case .failed(let error): .failed(SourceFailure(error))
            }
    }

    package func committed(_ partitions: [TopicPartition]) throws -> [CommittedOffset] {
        try Self.translating {
            try self.consumer.committed(partitions.map(\.kafka), milliseconds: self.requestTimeout).map {
                CommittedOffset(partition: $0.ours, offset: $0.offset >= 0 ? $0.offset : nil, metadata: $0.metadata)
            }
        }
    }

    package func begin(_ partitions: [(partition: TopicPartition, offset: Int64?)]) throws {
        try Self.translating {
            try self.consumer.assign(
                partitions.map {
                    KafkaPartition(
                        topic: $0.partition.topic, partition: $0.partition.partition,
                        offset: $0.offset ?? KafkaPartition.beginning)
                })
        }
    }

    package func release(_ partitions: [TopicPartition]) throws {
        try Self.translating { try self.consumer.unassign(partitions.map(\.kafka)) }
    }

    package func pause(_ partitions: [TopicPartition]) { self.consumer.pause(partitions.map(\.kafka)) }

    package func resume(_ partitions: [TopicPartition]) { self.consumer.resume(partitions.map(\.kafka)) }

    package func commit(_ offsets: [OffsetCommit], waiting milliseconds: Int?) throws {
        let partitions = offsets.map {
            KafkaPartition(
                topic: $0.partition.topic, partition: $0.partition.partition, offset: $0.offset, metadata: $0.metadata)
        }
        try Self.translating {
            if let milliseconds {
                try self.consumer.commitAndWait(partitions, milliseconds: milliseconds)
            } else {
                try self.consumer.commit(partitions)
            }
        }
    }

    package func end(of partition: TopicPartition, isPaused: Bool) -> Int64? {
        self.consumer.end(topic: partition.topic, partition: partition.partition, asking: isPaused)
    }

    package func wake() { self.consumer.wake() }

    package func close(milliseconds: Int) {
        guard !self.consumer.close(milliseconds: milliseconds) else { return }
        self.logger.warning("could not leave the group in time: it waits for the session's end instead")
    }

    private static func translating<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as KafkaError {
            throw SourceFailure(error)
        }
    }
}

extension KafkaPartition {
    var ours: TopicPartition { TopicPartition(self.topic, self.partition) }
}

extension TopicPartition {
    var kafka: KafkaPartition { KafkaPartition(topic: self.topic, partition: self.partition) }
}

extension SourceFailure {
    package init(_ error: KafkaError) {
        switch error.code {
        case .transport, .allBrokersDown, .resolve, .timedOut:
            self.init(kind: .unreachable, message: error.description, isFatal: error.isFatal)
        case .authentication, .ssl, .saslFailed:
            // One connection's trouble, as a broker's restart behind a proxy makes it, or a token that is late.
            self.init(kind: .denied, message: error.description, isFatal: error.isFatal)
        case .topicAuthorizationFailed, .groupAuthorizationFailed:
            self.init(kind: .denied, message: error.description, isFatal: true)
        case .autoOffsetReset:
            self.init(
                kind: .offsetOutOfRange,
                message: "records that were never handled are gone from the topic, or its log was cut short: "
                    + "\(error.message); commit an offset that exists, or set auto.offset.reset, to go on",
                isFatal: true)
        case .fencedInstance:
            self.init(
                kind: .fenced, message: "another member uses the same group.instance.id: \(error.description)",
                isFatal: true)
        case .unknownTopic, .unknownTopicOrPartition:
            self.init(kind: .missing, message: error.description, isFatal: error.isFatal)
        default:
            self.init(kind: .other, message: error.description, isFatal: error.isFatal)
        }
    }
}
