import Commands
import DeadLetters

/// A cluster in memory, whose client can be made to die after so many records.
final class MemoryCluster {
    private(set) var topics: [String: [[Record]]] = [:]
    /// The first offset that is still there, by topic and partition.
    var trimmed: [String: [Int32: Int64]] = [:]
    /// Called for each record that was stored.
    var stored: (Record) -> Void = { _ in }
    /// Called with the topics of a reader whenever it reads.
    var reading: (Set<String>) -> Void = { _ in }
    /// Whether a reader has nothing yet when it is first asked, as one that has only just asked the broker.
    var isSlow = false
    private var turn = 0

    init(partitions: Int = 3, topics: [String] = MemoryCluster.labTopics) {
        for topic in topics { self.topics[topic] = Array(repeating: [], count: partitions) }
    }

    static let labTopics = [
        "lab.commands", "lab.results", "lab.failures", "lab.audit", "lab.dlt", "lab.dlt.jobs", "lab.dlt.parked",
        "lab.retry.5s",
    ]

    /// Puts a record where it says, as the next of its partition.
    @discardableResult
    func put(_ record: Record, topic: String = "lab.dlt", partition: Int32? = nil) -> Record {
        let count = self.topics[topic]?.count ?? 0
        precondition(count > 0, "no topic \(topic)")
        let number: Int
        if let partition {
            number = Int(partition) % count
        } else if record.key.isNull {
            self.turn += 1
            number = self.turn % count
        } else {
            number = record[record.key].reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % count
        }
        let stored = Record(
            topic: topic, partition: Int32(number), offset: Int64(self.topics[topic]![number].count),
            timestamp: record.timestamp, bytes: record.bytes, headers: record.headers, key: record.key,
            value: record.value)
        self.topics[topic]![number].append(stored)
        self.stored(stored)
        return stored
    }

    func records(_ topic: String) -> [Record] { (self.topics[topic] ?? []).flatMap { $0 } }

    /// Ends of all partitions of all topics.
    var ends: [String: [Int]] { self.topics.mapValues { $0.map(\.count) } }
}

/// Reads a memory cluster.
final class MemorySource: DeadLetterSource {
    let cluster: MemoryCluster

    init(_ cluster: MemoryCluster) { self.cluster = cluster }

    func ranges(of topic: String) throws -> [PartitionRange]? {
        self.cluster.topics[topic]?.enumerated().map { number, records in
            PartitionRange(
                partition: Int32(number), low: self.cluster.trimmed[topic]?[Int32(number)] ?? 0,
                end: Int64(records.count))
        }
    }

    func reader(_ ranges: [String: [PartitionRange]]) throws -> any DeadLetterReader {
        MemoryReader(self.cluster, ranges)
    }

    private final class MemoryReader: DeadLetterReader {
        private let cluster: MemoryCluster
        private var places: [(topic: String, partition: Int32, next: Int64, end: Int64)]
        private(set) var missing = 0
        private var hasAsked = false

        init(_ cluster: MemoryCluster, _ ranges: [String: [PartitionRange]]) {
            self.cluster = cluster
            self.places = ranges.sorted { $0.key < $1.key }.flatMap { topic, list in
                list.filter { $0.low < $0.end }.map { (topic, $0.partition, $0.low, $0.end) }
            }
        }

        var isComplete: Bool { self.places.allSatisfy { $0.next >= $0.end } }

        /// A few records of each partition in turn, so that partitions come interleaved.
        func read(milliseconds: Int, into records: inout [Record]) throws {
            self.cluster.reading(Set(self.places.map(\.topic)))
            guard self.hasAsked || !self.cluster.isSlow else {
                self.hasAsked = true
                return
            }
            for index in self.places.indices {
                let place = self.places[index]
                let low = self.cluster.trimmed[place.topic]?[place.partition] ?? 0
                if place.next < low {
                    self.missing += Int(min(low, place.end) - place.next)
                    self.places[index].next = low
                }
                let log = self.cluster.topics[place.topic]![Int(place.partition)]
                for _ in 0..<5 where self.places[index].next < min(place.end, Int64(log.count)) {
                    records.append(log[Int(self.places[index].next)])
                    self.places[index].next += 1
                }
            }
        }

        func close() {}
    }
}

/// Writes to a memory cluster; dies after so many records, as a process does that is killed.
final class MemorySink: DeadLetterSink {
    private let cluster: MemoryCluster
    private var waiting: [(record: Record, topic: String, partition: Int32, token: Int, rounds: Int)] = []
    private var left: Int
    private(set) var isDead = false
    /// Records that the broker will not take.
    var refuses: (Record, String) -> Bool = { _, _ in false }
    /// Called whenever reports are asked for, with how long to wait for them.
    var serving: (_ milliseconds: Int) -> Void = { _ in }
    /// Records that fit in the queue.
    var room = 50
    /// How many rounds commands are on their way before the broker has them.
    private let rounds: Int
    /// The most commands that were on their way at once.
    private(set) var mostOnTheirWay = 0
    private static let commands = "lab.commands"

    init(_ cluster: MemoryCluster, diesAfter records: Int = .max, rounds: Int = 0) {
        self.cluster = cluster
        self.left = records
        self.rounds = rounds
    }

    private static let death = SinkFailure(isOfRecord: false, error: DeadLetterError(.unreachable, "killed"))

    func send(_ record: borrowing OutgoingRecord, to topic: String, partition: Int32, token: Int) throws -> Bool {
        guard !self.isDead else { throw Self.death }
        guard self.waiting.count < self.room else { return false }
        let copy = Record(
            topic: topic, partition: 0, offset: 0, timestamp: 1_777_888_900_000, bytes: record.bytes,
            headers: record.headers, key: record.key, value: record.value)
        self.waiting.append((copy, topic, partition, token, topic == Self.commands ? self.rounds : 0))
        self.mostOnTheirWay = max(self.mostOnTheirWay, self.waiting.count { $0.topic == Self.commands })
        return true
    }

    func hurry() {}

    func serve(milliseconds: Int, _ report: (SinkReport) -> Void) {
        self.serving(milliseconds)
        let waiting = self.waiting
        self.waiting = []
        for var entry in waiting {
            guard entry.rounds == 0 else {
                entry.rounds -= 1
                self.waiting.append(entry)
                continue
            }
            if self.left == 0 { self.isDead = true }
            guard !self.isDead else {
                report(SinkReport(token: entry.token, partition: -1, offset: -1, failure: Self.death))
                continue
            }
            if self.refuses(entry.record, entry.topic) {
                let failure = SinkFailure(isOfRecord: true, error: DeadLetterError(.other, "too large"))
                report(SinkReport(token: entry.token, partition: -1, offset: -1, failure: failure))
                continue
            }
            self.left -= 1
            let stored = self.cluster.put(
                entry.record, topic: entry.topic, partition: entry.partition < 0 ? nil : entry.partition)
            report(SinkReport(token: entry.token, partition: stored.partition, offset: stored.offset))
        }
    }

    func close() {}
}
