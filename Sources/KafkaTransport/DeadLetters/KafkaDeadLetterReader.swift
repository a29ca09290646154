import Commands
import DeadLetters
import KafkaClient
import Processor

/// Reads ranges of partitions with a consumer of its own.
final class KafkaDeadLetterReader: DeadLetterReader {
    private let consumer: KafkaConsumer
    private let partitions: [KafkaPartition]
    private var progress: [ReadProgress] = []
    /// Where each partition's progress stands.
    private var places: [String: [Int32: Int]] = [:]
    private var open = 0
    private let patience: Int64
    private var lastProgress: Int64
    private var trouble: KafkaError?
    private(set) var missing = 0

    init(consumer: KafkaConsumer, ranges: [String: [PartitionRange]], patience milliseconds: Int) throws {
        self.consumer = consumer
        self.patience = Int64(milliseconds) * 1000
        self.lastProgress = EngineClock.system.monotonic()
        var partitions: [KafkaPartition] = []
        for (topic, list) in ranges {
            for range in list where range.low < range.end {
                self.places[topic, default: [:]][range.partition] = self.progress.count
                self.progress.append(ReadProgress(next: range.low, end: range.end))
                partitions.append(KafkaPartition(topic: topic, partition: range.partition, offset: range.low))
            }
        }
        self.open = partitions.count
        self.partitions = partitions
        guard !partitions.isEmpty else { return }
        do {
            try consumer.assignManually(partitions)
        } catch {
            consumer.close()
            throw error
        }
    }

    var isComplete: Bool { self.open == 0 }

    /// Records that are read together at most.
    static let batch = 500

    /// Worth it for many records. Blocks a little.
    func keepFetching() { self.consumer.keepFetching(self.partitions) }

    func read(milliseconds: Int, into records: inout [Record]) throws {
        guard self.open > 0 else { return }
        let start = records.count
        let event = self.consumer.poll(milliseconds: milliseconds, limit: Self.batch, into: &records)
        self.take(from: start, &records)
        let now = EngineClock.system.monotonic()
        if records.count > start { self.lastProgress = now }
        switch event {
        case .reachedEnd(let place):
            self.lastProgress = now
            self.finish(place.topic, place.partition)
        case .failed(let error):
            guard !error.isFatal, !Self.isFinal(error.code) else { throw DeadLetterError(error) }
            self.trouble = error
        default: break
        }
        // A range that is followed may be silent for long.
        guard now - self.lastProgress > self.patience, self.hasEnd else { return }
        throw DeadLetterError(
            .unreachable,
            "the brokers have sent nothing for \(self.patience / 1_000_000) s: \(self.trouble?.message ?? "no answer")")
    }

    private static func isFinal(_ code: KafkaError.Code) -> Bool {
        [
            .topicAuthorizationFailed, .groupAuthorizationFailed, .unknownTopic, .unknownTopicOrPartition,
            .authentication, .saslFailed, .ssl,
        ].contains(code)
    }

    /// Whether some range has an end.
    private var hasEnd: Bool { self.progress.contains { $0.end != .max } }

    /// Keeps those within the ranges and counts what is missing before them.
    private func take(from start: Int, _ records: inout [Record]) {
        var kept = start
        var index = start
        // Records come in runs of one partition.
        while index < records.count {
            let (topic, partition) = (records[index].topic, records[index].partition)
            let number = self.places[topic]?[partition]
            var place = number.map { self.progress[$0] } ?? ReadProgress(next: 0, end: 0)
            let wasDone = place.isDone
            while index < records.count, records[index].partition == partition, records[index].topic == topic {
                let record = records[index]
                if !place.isDone, record.offset >= place.next {
                    if record.offset > place.next {
                        self.missing += place.reach(record.offset, low: self.low(topic, partition))
                    }
                    place.next = record.offset + 1
                    if record.offset < place.end {
                        if kept != index { records[kept] = record }
                        kept += 1
                    }
                }
                index += 1
            }
            if place.isDone, !wasDone { self.open -= 1 }
            if let number { self.progress[number] = place }
        }
        records.removeLast(records.count - kept)
    }

    /// The partition's first offset, or nil when that cannot be told.
    private func low(_ topic: String, _ partition: Int32) -> () -> Int64? {
        { try? self.consumer.watermarks(topic: topic, partition: partition, milliseconds: 5000).low }
    }

    private func finish(_ topic: String, _ partition: Int32) {
        guard let number = self.places[topic]?[partition], !self.progress[number].isDone,
            self.progress[number].end != .max
        else { return }
        self.missing += self.progress[number].finish(low: self.low(topic, partition))
        self.open -= 1
    }

    func close() { self.consumer.close() }
}
