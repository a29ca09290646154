import Commands
import DeadLetters
import KafkaClient
import Processor

/// Reads ranges of partitions with a consumer of its own.
final class KafkaDeadLetterReader: DeadLetterReader {
    private struct Progress {
        /// The next offset expected.
        var next: Int64
        var end: Int64
        /// The partition's first offset, asked for when there was a gap.
        var low: Int64?
        var isDone: Bool { self.next >= self.end }
    }

    private let consumer: KafkaConsumer
    private var progress: [String: [Int32: Progress]] = [:]
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
                self.progress[topic, default: [:]][range.partition] = Progress(next: range.low, end: range.end)
                partitions.append(KafkaPartition(topic: topic, partition: range.partition, offset: range.low))
            }
        }
        self.open = partitions.count
        guard !partitions.isEmpty else { return }
        do {
            try consumer.assignManually(partitions)
        } catch {
            consumer.close()
            throw error
        }
    }

    var isComplete: Bool { self.open == 0 }

    func read(milliseconds: Int, into records: inout [Record]) throws {
        guard self.open > 0 else { return }
        let start = records.count
        let event = self.consumer.poll(milliseconds: milliseconds, limit: 2000, into: &records)
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
    private var hasEnd: Bool { self.progress.values.contains { $0.values.contains { $0.end != .max } } }

    /// Keeps those within the ranges and counts what is missing before them.
    private func take(from start: Int, _ records: inout [Record]) {
        var kept = start
        for index in start..<records.count {
            let record = records[index]
            guard var place = self.progress[record.topic]?[record.partition], record.offset >= place.next,
                !place.isDone
            else { continue }
            if record.offset > place.next { self.noteGap(before: record, &place) }
            place.next = record.offset + 1
            if record.offset < place.end {
                if kept != index { records[kept] = record }
                kept += 1
            }
            if place.isDone { self.open -= 1 }
            self.progress[record.topic]?[record.partition] = place
        }
        records.removeLast(records.count - kept)
    }

    /// Markers of transactions leave gaps too: only what lies before the partition's first offset is gone.
    private func noteGap(before record: Record, _ place: inout Progress) {
        if place.low == nil {
            place.low = try? self.consumer.watermarks(
                topic: record.topic, partition: record.partition, milliseconds: 5000
            ).low
        }
        guard let low = place.low, low > place.next else { return }
        self.missing += Int(min(low, record.offset, place.end) - place.next)
    }

    private func finish(_ topic: String, _ partition: Int32) {
        guard var place = self.progress[topic]?[partition], !place.isDone, place.end != .max else { return }
        place.next = place.end
        self.open -= 1
        self.progress[topic]?[partition] = place
    }

    func close() { self.consumer.close() }
}
