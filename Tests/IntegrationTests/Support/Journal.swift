import Commands
import Foundation
import KafkaClient

/// The independent witness: reads topics from their beginning, without a group, and remembers everything.
///
/// `@unchecked Sendable`: everything that changes is guarded by the condition's lock; the consumer is polled by the
/// journal's own thread.
final class Journal: @unchecked Sendable {
    /// What was read so far.
    struct Contents {
        fileprivate(set) var events: [Event] = []
        /// Outcome events by the command they are about, in the order of their arrival here.
        fileprivate(set) var outcomes: [String: [Event]] = [:]
        fileprivate(set) var audits: [String: [Event]] = [:]
        fileprivate(set) var deadLetters: [Event] = []
        fileprivate(set) var retries: [Event] = []
        fileprivate var positions: [KafkaPartition: Int64] = [:]

        fileprivate mutating func add(_ event: Event) {
            self.events.append(event)
            if event.isOutcome { self.outcomes[event.subject, default: []].append(event) }
            if event.isAudit { self.audits[event.key ?? "", default: []].append(event) }
            if event.isDeadLetter { self.deadLetters.append(event) }
            if event.isRetry { self.retries.append(event) }
            let place = KafkaPartition(topic: event.topic, partition: event.record.partition)
            self.positions[place] = event.offset + 1
        }
    }

    static let labTopics = ["lab.results", "lab.failures", "lab.audit", "lab.dlt", "lab.retry.1s", "lab.retry.1m"]

    private let consumer: KafkaConsumer
    private let partitions: [KafkaPartition]
    private let condition = NSCondition()
    private var contents = Contents()
    private var isClosing = false
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter skipsOld: Reads only what comes from now on; a real cluster remembers earlier tests.
    init(_ bootstrap: String, topics: [String] = Journal.labTopics, skipsOld: Bool = false) throws {
        self.consumer = try KafkaConsumer(
            configuration: KafkaConfiguration([
                "bootstrap.servers": bootstrap, "group.id": "journal-\(UUID().uuidString)",
                "auto.offset.reset": "earliest", "fetch.wait.max.ms": "10", "reconnect.backoff.max.ms": "200",
            ]), logger: .silent)
        let known = try self.consumer.metadata.topics(milliseconds: 10_000)
        var partitions = known.filter { topics.contains($0.name) }.flatMap { topic in
            (0..<topic.partitions).map {
                KafkaPartition(topic: topic.name, partition: $0, offset: KafkaPartition.beginning)
            }
        }
        if skipsOld {
            for index in partitions.indices {
                let (topic, partition) = (partitions[index].topic, partitions[index].partition)
                partitions[index].offset = try self.consumer.watermarks(
                    topic: topic, partition: partition, milliseconds: 10_000
                ).high
            }
            for place in partitions {
                self.contents.positions[KafkaPartition(topic: place.topic, partition: place.partition)] = place.offset
            }
        }
        self.partitions = partitions
        try self.consumer.assignManually(self.partitions)
        let thread = Thread { self.read() }
        thread.name = "test-journal"
        thread.start()
    }

    private func read() {
        var records: [Record] = []
        while !self.condition.withLock({ self.isClosing }) {
            _ = self.consumer.poll(milliseconds: 50, limit: 2_000, into: &records)
            guard !records.isEmpty else { continue }
            self.condition.withLock {
                for record in records { self.contents.add(Event(record: record)) }
                self.condition.broadcast()
            }
            records.removeAll(keepingCapacity: true)
        }
        self.ended.signal()
    }

    /// Waits until the condition holds for what was read.
    func wait(_ what: String, seconds: Double = 180, until condition: (Contents) -> Bool) throws {
        let limit = Date(timeIntervalSinceNow: seconds)
        try self.condition.withLock {
            while !condition(self.contents) {
                guard self.condition.wait(until: limit) else {
                    throw HarnessError(
                        "\(what): not within \(seconds) s; \(self.contents.outcomes.count) commands have outcomes, "
                            + "\(self.contents.events.count) events in all")
                }
            }
        }
    }

    /// Reads up to the topics' ends as they are now, and returns everything.
    func catchUp(seconds: Double = 180) throws -> Contents {
        var ends: [(KafkaPartition, Int64)] = []
        for partition in self.partitions {
            let high = try self.consumer.watermarks(
                topic: partition.topic, partition: partition.partition, milliseconds: 10_000
            ).high
            if high > 0 { ends.append((KafkaPartition(topic: partition.topic, partition: partition.partition), high)) }
        }
        try self.wait("reading to the topics' ends", seconds: seconds) { contents in
            ends.allSatisfy { contents.positions[$0.0, default: 0] >= $0.1 }
        }
        return self.now
    }

    var now: Contents { self.condition.withLock { self.contents } }

    func close() {
        self.condition.withLock { self.isClosing = true }
        self.consumer.wake()
        self.ended.wait()
        self.consumer.close()
    }
}

extension Journal {
    /// Waits until each of the commands has an outcome.
    func waitForOutcomes(of ids: Set<String>, seconds: Double = 180) throws {
        var missing = ids
        try self.wait("outcomes of \(ids.count) commands", seconds: seconds) { contents in
            guard contents.outcomes.count >= ids.count else { return false }
            missing = missing.filter { contents.outcomes[$0] == nil }
            return missing.isEmpty
        }
    }
}
