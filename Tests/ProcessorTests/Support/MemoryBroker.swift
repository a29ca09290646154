import Commands
import Foundation
import Processor

/// Topics and a group's commits in memory: what outlives an engine.
final class MemoryBroker: Sendable {
    struct State: Sendable {
        var logs: [TopicPartition: [Record]] = [:]
        /// Records by topic.
        var counts: [String: Int] = [:]
        var committed: [TopicPartition: OffsetCommit] = [:]
        var commits: [OffsetCommit] = []
    }

    let partitions: Int32
    let state = Watched(State())

    init(partitions: Int32 = 1) { self.partitions = partitions }

    /// All records of a topic, partition after partition.
    func records(_ topic: String) -> [Record] { self.state.value.records(topic) }

    func committed(_ topic: String, _ partition: Int32 = 0) -> OffsetCommit? {
        self.state.value.committed[TopicPartition(topic, partition)]
    }

    /// Appends a record to its log; the offset follows the last one, plus `skipping`.
    @discardableResult
    func append(
        _ topic: String, partition: Int32 = 0, key: [UInt8]?, value: [UInt8]?, headers: [(String, [UInt8]?)],
        skipping: Int64 = 0
    ) -> Int64 {
        self.state.update { state in
            let place = TopicPartition(topic, partition)
            let offset = (state.logs[place]?.last.map { $0.offset + 1 } ?? 0) + skipping
            let record = Record(
                topic: topic, partition: partition, offset: offset, key: key, value: value, headers: headers)
            state.logs[place, default: []].append(record)
            state.counts[topic, default: 0] += 1
            return offset
        }
    }

    /// Appends what the sink was given.
    func append(_ record: SentRecord) {
        let partition = record.partition >= 0 && record.partition < self.partitions ? record.partition : 0
        self.append(
            record.topic, partition: partition, key: record.key, value: record.value,
            headers: record.headers.map { ($0.name, $0.value) })
    }

    /// Sends a well-formed command in binary mode; returns its offset.
    @discardableResult
    func send(
        _ id: String, key: String? = "k", _ data: String = "{}", type: String = "test.run", partition: Int32 = 0,
        extra: [(String, String)] = [], topic: String = "test.commands"
    ) -> Int64 {
        let headers =
            [
                ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"), ("ce_type", type),
                ("content-type", "application/json"),
            ] + extra
        return self.append(
            topic, partition: partition, key: key.map { Array($0.utf8) }, value: Array(data.utf8),
            headers: headers.map { ($0.0, Array($0.1.utf8)) })
    }
}

extension MemoryBroker.State {
    func records(_ topic: String) -> [Record] {
        self.logs.filter { $0.key.topic == topic }.sorted { $0.key.partition < $1.key.partition }.flatMap(\.value)
    }

    func count(_ topic: String) -> Int { self.counts[topic] ?? 0 }
}

extension Record {
    /// The text of the first header of that name.
    func headerText(_ name: String) -> String? { self.header(named: name).flatMap { self.text($0) } }

    var headerNames: [String] { self.headers.map { self.text($0.name)! } }
    var valueText: String { self.text(self.value) ?? "<null>" }
    var keyText: String? { self.text(self.key) }

    /// The value as a JSON object.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self[self.value]))) as? [String: Any] ?? [:]
    }
}
