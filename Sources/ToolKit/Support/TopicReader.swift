import Commands
import Foundation
import KafkaClient
import Logging

/// Reads topics from known offsets on, outside any consumer group. Everything here blocks; one thread uses it.
final class TopicReader: Sendable {
    private let consumer: KafkaConsumer

    enum Start {
        case beginning
        /// The ends as they are now, asked of the brokers before the reader is there: nothing that comes later is missed.
        case end
        /// So many records before each partition's end.
        case last(Int)
    }

    init(
        configuration: KafkaConfiguration, topics: [KafkaTopic], from start: Start, milliseconds: Int = 10_000,
        logger: Logger
    ) throws {
        var configuration = configuration
        // librdkafka wants a group's name even from those who join none.
        configuration["group.id"] = configuration["group.id"] ?? "adjutant.reader"
        configuration["auto.offset.reset"] = "earliest"
        do {
            self.consumer = try KafkaConsumer(
                configuration: configuration.with(defaults: ["client.id": "adjutant", "fetch.wait.max.ms": "10"]),
                logger: logger)
        } catch {
            throw ToolError(error)
        }
        do {
            var partitions: [KafkaPartition] = []
            for topic in topics {
                for partition in 0..<topic.partitions {
                    let offset =
                        switch start {
                        case .beginning: KafkaPartition.beginning
                        case .last(let count): KafkaPartition.beforeEnd(count)
                        case .end:
                            try self.consumer.watermarks(
                                topic: topic.name, partition: partition, milliseconds: milliseconds
                            ).high
                        }
                    partitions.append(KafkaPartition(topic: topic.name, partition: partition, offset: offset))
                }
            }
            try self.consumer.assignManually(partitions)
        } catch {
            self.consumer.close()
            throw ToolError(error)
        }
    }

    /// Reads until `take` says that it has enough or the time is up.
    ///
    /// - Returns: Whether `take` had enough.
    func read(until limit: Date, take: (Record) -> Bool) throws -> Bool {
        var records: [Record] = []
        while Date() < limit {
            records.removeAll(keepingCapacity: true)
            let left = Int(limit.timeIntervalSinceNow * 1000)
            let event = self.consumer.poll(milliseconds: min(100, max(0, left)), limit: 1000, into: &records)
            var isEnough = false
            for record in records where take(record) { isEnough = true }
            if isEnough { return true }
            if case .failed(let error) = event, error.isFatal { throw ToolError(error) }
        }
        return false
    }

    func close() { self.consumer.close() }
}
