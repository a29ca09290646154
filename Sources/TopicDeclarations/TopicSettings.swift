import Commands
import Yams

/// The settings that `defaults` and every topic may have.
struct TopicSettings {
    static let names = ["partitions", "replication", "retention", "cleanup", "maxMessageBytes", "config"]

    var partitions: Int?
    var replication: Int?
    var retention: Retention?
    var cleanup: [CleanupPolicy]?
    var maxMessageBytes: Int?
    var config: [String: String] = [:]
    /// Where each setting's value stands, unusable ones included.
    var marks: [String: Mark] = [:]

    enum Retention: Hashable {
        case forever
        case milliseconds(Int64)

        var kafkaText: String {
            switch self {
            case .forever: "-1"
            case .milliseconds(let value): "\(value)"
            }
        }
    }

    enum CleanupPolicy: String, CaseIterable {
        case compact, delete
    }

    /// These settings with the gaps filled from the defaults.
    func over(_ defaults: TopicSettings) -> TopicSettings {
        var merged = self
        merged.partitions = self.partitions ?? defaults.partitions
        merged.replication = self.replication ?? defaults.replication
        merged.retention = self.retention ?? defaults.retention
        merged.cleanup = self.cleanup ?? defaults.cleanup
        merged.maxMessageBytes = self.maxMessageBytes ?? defaults.maxMessageBytes
        merged.config = defaults.config.merging(self.config) { $1 }
        return merged
    }

    /// Kafka's spelling of all settings of the topic.
    var kafkaConfig: [String: String] {
        var config = self.config
        config["retention.ms"] = self.retention?.kafkaText
        config["cleanup.policy"] = self.cleanup?.map(\.rawValue).sorted().joined(separator: ",")
        config["max.message.bytes"] = self.maxMessageBytes.map { "\($0)" }
        return config
    }

    /// Reads one setting; false when the name is none of them.
    mutating func read(_ pair: Pair, log: inout IssueLog) -> Bool {
        guard Self.names.contains(pair.name) else { return false }
        self.marks[pair.name] = pair.value.mark
        switch pair.name {
        case "partitions": self.partitions = log.integer(pair, in: 1...1_000_000)
        case "replication": self.replication = log.integer(pair, in: 1...32_767)
        case "maxMessageBytes": self.maxMessageBytes = log.integer(pair, in: 1...Int(Int32.max))
        case "retention": self.retention = Self.retention(pair, log: &log)
        case "cleanup": self.cleanup = Self.cleanup(pair, log: &log)
        default: self.config = Self.config(pair, log: &log)
        }
        return true
    }

    private static func retention(_ pair: Pair, log: inout IssueLog) -> Retention? {
        let text = pair.value.scalar?.string ?? ""
        if text == "forever" { return .forever }
        if let value = DurationText.milliseconds(text), value > 0 { return .milliseconds(value) }
        log.add(
            pair.value.mark, pair.key,
            "must be a duration such as 12h or 7d, or forever, not \(IssueLog.kind(of: pair.value))")
        return nil
    }

    private static func cleanup(_ pair: Pair, log: inout IssueLog) -> [CleanupPolicy]? {
        let nodes = pair.value.sequence.map(Array.init) ?? [pair.value]
        let policies = nodes.compactMap { $0.scalar.flatMap { CleanupPolicy(rawValue: $0.string) } }
        guard policies.count == nodes.count, !policies.isEmpty, Set(policies).count == policies.count else {
            log.add(pair.value.mark, pair.key, "must be delete, compact or [compact, delete]")
            return nil
        }
        return policies
    }

    private static func config(_ pair: Pair, log: inout IssueLog) -> [String: String] {
        var config: [String: String] = [:]
        for entry in log.pairs(pair.value, pair.key, expecting: "Kafka topic settings") {
            if let own = KafkaTopicSetting.ownNames[entry.name] {
                log.add(entry.mark, entry.key, "has a key of its own: write \(own) beside config instead")
            } else if !KafkaTopicSetting.names.contains(entry.name) {
                log.add(entry.mark, entry.key, "is no topic setting that Kafka knows: check its spelling")
            } else if let scalar = entry.value.scalar, entry.value.tag != Tag(.null) {
                config[entry.name] = scalar.string
            } else {
                log.add(
                    entry.value.mark, entry.key, "must be a single value, not \(IssueLog.kind(of: entry.value))")
            }
        }
        return config
    }
}

/// The topic settings of Apache Kafka (its documentation, "Topic configs").
enum KafkaTopicSetting {
    /// Settings that a declaration spells in words of its own.
    static let ownNames = [
        "retention.ms": "retention", "cleanup.policy": "cleanup", "max.message.bytes": "maxMessageBytes",
    ]

    static let names: Set<String> = [
        "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level",
        "delete.retention.ms", "file.delete.delay.ms", "flush.messages", "flush.ms",
        "follower.replication.throttled.replicas", "index.interval.bytes", "leader.replication.throttled.replicas",
        "local.retention.bytes", "local.retention.ms", "max.compaction.lag.ms", "message.downconversion.enable",
        "message.format.version", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms",
        "message.timestamp.difference.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "remote.copy.disable",
        "remote.log.delete.on.disable", "remote.storage.enable", "retention.bytes", "segment.bytes",
        "segment.index.bytes", "segment.jitter.ms", "segment.ms", "unclean.leader.election.enable",
    ]
}
