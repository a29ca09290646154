import Foundation
import KafkaClient

/// One finished run of `adjutant dlt`.
struct DltResult {
    var code: Int32
    var output: [String]
    var errors: [String]

    /// The rows of `-o json` or `-o jsonl`.
    var rows: [[String: Any]] {
        let text = self.output.joined(separator: "\n")
        if let array = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] { return array }
        return self.output.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    func count(_ name: String) -> Int { (self.rows.first?["counts"] as? [String: Any])?[name] as? Int ?? -1 }
    var said: String { self.errors.joined(separator: "\n") }
}

extension Lab {
    /// Starts `adjutant dlt` on the lab's domain.
    func startDlt(_ arguments: [String], settings: [String: String] = [:]) throws -> Program {
        try Program(
            ["dlt"] + arguments + ["--bootstrap-servers", self.bootstrap, "--domain", "lab"],
            environment: Self.settings.merging(settings) { $1 })
    }

    func dlt(_ arguments: String..., settings: [String: String] = [:]) throws -> DltResult {
        let program = try self.startDlt(arguments, settings: settings)
        defer { program.killNow() }
        let code = try program.waitForExit(seconds: 90)
        return DltResult(code: code, output: program.output.all, errors: program.errors.all)
    }

    /// Puts a letter as a worker writes it on the dead-letter topic.
    func park(
        _ id: String, key: String? = nil, code: String = "CODE", value: String = "{}", replays: Int = 0,
        origin: (topic: String, partition: Int, offset: Int) = ("lab.commands", 0, 0), type: String = "lab.run"
    ) throws {
        let headers = [
            ("content-type", "application/json"), ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"),
            ("ce_type", type), ("__dlq.errors.topic", origin.topic), ("__dlq.errors.partition", "\(origin.partition)"),
            ("__dlq.errors.offset", "\(origin.offset)"), ("__dlq.errors.group", "adjutant.lab"),
            ("__dlq.errors.delivery.count", "1"), ("__dlq.errors.message", "\(code): made up"),
            ("adjutant-error-class", "permanent"), ("adjutant-error-code", code),
            ("adjutant-failed", "2026-05-04T10:00:00.000Z"), ("adjutant-replays", "\(replays)"),
        ]
        try self.sender.send(
            key: key.map { Array($0.utf8) }, value: Array(value.utf8),
            headers: headers.map { ($0.0, Array($0.1.utf8)) }, to: "lab.dlt")
    }

    /// The ends of all partitions of all topics.
    func ends() throws -> [KafkaPartition: Int64] {
        let consumer = try KafkaConsumer(
            configuration: KafkaConfiguration(["bootstrap.servers": self.bootstrap, "group.id": "ends"]),
            logger: .silent)
        defer { consumer.close() }
        var ends: [KafkaPartition: Int64] = [:]
        for topic in try consumer.metadata.topics(milliseconds: 10_000) {
            let marks = try consumer.watermarks(topic: topic.name, partitions: topic.partitions, milliseconds: 10_000)
            for (partition, mark) in marks.enumerated() {
                ends[KafkaPartition(topic: topic.name, partition: Int32(partition))] = mark.high
            }
        }
        return ends
    }

    /// A witness of the topics that the tool writes to.
    func toolJournal(_ topics: [String]) throws -> Journal { try Journal(self.bootstrap, topics: topics) }
}
