import DeadLetters
import KafkaClient
import Logging
import Processor

/// Dead letters and what is noted of them, read outside any group.
package final class KafkaDeadLetterSource: DeadLetterSource {
    private let configuration: KafkaConfiguration
    private let logger: Logger
    /// Asks for offsets; made when first needed.
    private var inquirer: KafkaConsumer?
    /// Partitions by topic, as the cluster told at the start.
    private let partitions: [String: Int32]
    private let timeout: Int

    /// - Parameters:
    ///   - topics: The cluster's topics with their numbers of partitions.
    ///   - milliseconds: How long the brokers may take to answer, and to send nothing while there is something.
    package init(
        configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)], milliseconds: Int = 30_000,
        logger: Logger
    ) {
        var configuration = configuration
        // librdkafka wants a group's name even from those who join none.
        configuration["group.id"] = configuration["group.id"] ?? "adjutant.dlt"
        configuration["auto.offset.reset"] = "earliest"
        configuration["enable.partition.eof"] = "true"
        self.configuration = configuration.with(defaults: [
            "client.id": "adjutant", "fetch.wait.max.ms": "10", "socket.nagle.disable": "true",
            // A scan is to be quick, and small.
            "queued.min.messages": "100000", "queued.max.messages.kbytes": "32768",
            "fetch.message.max.bytes": "4194304",
        ])
        self.partitions = Dictionary(topics.map { ($0.name, $0.partitions) }, uniquingKeysWith: { $1 })
        self.timeout = milliseconds
        self.logger = logger
    }

    package func ranges(of topic: String) throws -> [PartitionRange]? {
        guard let count = self.partitions[topic] else { return nil }
        return try DeadLetterError.translating {
            let consumer = try self.inquirer ?? KafkaConsumer(configuration: self.configuration, logger: self.logger)
            self.inquirer = consumer
            let marks = try consumer.watermarks(topic: topic, partitions: count, milliseconds: self.timeout)
            return marks.enumerated().map {
                PartitionRange(partition: Int32($0.offset), low: $0.element.low, end: $0.element.high)
            }
        }
    }

    package func reader(_ ranges: [String: [PartitionRange]]) throws -> any DeadLetterReader {
        let reader = try DeadLetterError.translating {
            try KafkaDeadLetterReader(
                consumer: KafkaConsumer(configuration: self.configuration, logger: self.logger), ranges: ranges,
                patience: self.timeout)
        }
        let parts = ranges.values.joined()
        let isMuch = parts.reduce(0) { $0 + Double($1.count) } >= 5000
        return isMuch && !parts.contains { $0.end == .max } ? PrefetchingReader(reader) : reader
    }

    package func close() {
        self.inquirer?.close()
        self.inquirer = nil
    }
}

extension DeadLetterError {
    static func translating<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as KafkaError {
            throw DeadLetterError(error)
        }
    }

    init(_ error: KafkaError) {
        let failure = SourceFailure(error)
        let kind: Kind =
            switch failure.kind {
            case .unreachable: .unreachable
            case .denied, .fenced: .denied
            case .missing: .missing
            case .offsetOutOfRange, .other: .other
            }
        self.init(error.code == .messageTimedOut ? .unreachable : kind, error.description)
    }
}
