import Commands
import Glibc

/// The headers that tell of a failure, and those of the command that are worth a look.
///
/// Sources: the contract; KIP-1191 (`__dlq.errors.*`); Spring Kafka's `KafkaHeaders` (`kafka_dlt-*`, `retry_topic-*`);
/// Kafka Connect's `DeadLetterQueueReporter` (`__connect.errors.*`); KIP-1034 (`__streams.errors.*`).
enum NoteName: Int, CaseIterable {
    case type, id, expiry, partitionKey, contentType
    case ownClass, ownCode, ownFirstFailed, ownFailed, ownReplays, ownFingerprint
    case kipTopic, kipPartition, kipOffset, kipGroup, kipCount, kipMessage
    case springTopic, springPartition, springOffset, springGroup, springException, springCause, springMessage,
        springKeyException, springKeyMessage, springAttempts, springDelivery
    case connectTopic, connectPartition, connectOffset, connectConnector, connectException, connectMessage
    case streamsTopic, streamsPartition, streamsOffset, streamsException, streamsMessage

    /// The header's name.
    var header: String {
        switch self {
        case .type: "ce_type"
        case .id: "ce_id"
        case .expiry: "ce_expirytime"
        case .partitionKey: "ce_partitionkey"
        case .contentType: "content-type"
        case .ownClass: "adjutant-error-class"
        case .ownCode: "adjutant-error-code"
        case .ownFirstFailed: "adjutant-first-failed"
        case .ownFailed: "adjutant-failed"
        case .ownReplays: "adjutant-replays"
        case .ownFingerprint: "adjutant-fingerprint"
        case .kipTopic: "__dlq.errors.topic"
        case .kipPartition: "__dlq.errors.partition"
        case .kipOffset: "__dlq.errors.offset"
        case .kipGroup: "__dlq.errors.group"
        case .kipCount: "__dlq.errors.delivery.count"
        case .kipMessage: "__dlq.errors.message"
        case .springTopic: "kafka_dlt-original-topic"
        case .springPartition: "kafka_dlt-original-partition"
        case .springOffset: "kafka_dlt-original-offset"
        case .springGroup: "kafka_dlt-original-consumer-group"
        case .springException: "kafka_dlt-exception-fqcn"
        case .springCause: "kafka_dlt-exception-cause-fqcn"
        case .springMessage: "kafka_dlt-exception-message"
        case .springKeyException: "kafka_dlt-key-exception-fqcn"
        case .springKeyMessage: "kafka_dlt-key-exception-message"
        case .springAttempts: "retry_topic-attempts"
        case .springDelivery: "kafka_deliveryAttempt"
        case .connectTopic: "__connect.errors.topic"
        case .connectPartition: "__connect.errors.partition"
        case .connectOffset: "__connect.errors.offset"
        case .connectConnector: "__connect.errors.connector.name"
        case .connectException: "__connect.errors.exception.class.name"
        case .connectMessage: "__connect.errors.exception.message"
        case .streamsTopic: "__streams.errors.topic"
        case .streamsPartition: "__streams.errors.partition"
        case .streamsOffset: "__streams.errors.offset"
        case .streamsException: "__streams.errors.exception"
        case .streamsMessage: "__streams.errors.message"
        }
    }

    static let count = NoteName.allCases.count

    /// Whether a header was put on by whoever gave the record up, and is no part of the command: all of those are taken
    /// off for a replay.
    static func isNote(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        func begins(_ prefix: StaticString) -> Bool {
            let count = prefix.utf8CodeUnitCount
            return name.count >= count && memcmp(name.baseAddress!, prefix.utf8Start, count) == 0
        }
        return switch name.first {
        case UInt8(ascii: "a"): begins("adjutant-")
        case UInt8(ascii: "_"): begins("__dlq.errors.") || begins("__connect.errors.") || begins("__streams.errors.")
        case UInt8(ascii: "k"): begins("kafka_dlt-") || begins("kafka_deliveryAttempt")
        case UInt8(ascii: "r"): begins("retry_topic-")
        default: false
        }
    }
}

/// Finds the note that a header's name stands for without making a string of it.
struct NoteNames: Sendable {
    static let shared = NoteNames()

    private let names: [[UInt8]]
    /// By the last bits of a name's hash, the name's number, or -1.
    private let slots: [Int8]
    private let seed: UInt64

    private init() {
        let names = NoteName.allCases.map { Array($0.header.utf8) }
        // A seed with which no two names fall into one slot; one of the first hundreds does.
        for seed in UInt64(1)...1_000_000 {
            var slots = [Int8](repeating: -1, count: 1024)
            let isUnique = names.indices.allSatisfy { index in
                let slot = names[index].withUnsafeBytes { Self.slot($0, seed) }
                defer { slots[slot] = Int8(index) }
                return slots[slot] < 0
            }
            guard isUnique else { continue }
            self.names = names
            self.slots = slots
            self.seed = seed
            return
        }
        preconditionFailure("two header names are the same")
    }

    func note(_ name: UnsafeRawBufferPointer) -> NoteName? {
        // The longest name has 38 bytes, the shortest 5.
        guard name.count >= 5, name.count <= 40 else { return nil }
        let found = Int(self.slots[Self.slot(name, self.seed)])
        guard found >= 0, self.names[found].count == name.count else { return nil }
        let isSame = self.names[found].withUnsafeBytes {
            memcmp($0.baseAddress!, name.baseAddress!, name.count) == 0
        }
        return isSame ? NoteName(rawValue: found) : nil
    }

    /// Of the length, the first four bytes and the last eight: no two of the names have all of them in common.
    private static func slot(_ name: UnsafeRawBufferPointer, _ seed: UInt64) -> Int {
        func four(_ offset: Int) -> UInt64 { UInt64(name.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        var hash = four(max(0, name.count - 8)) << 32 | four(name.count - 4)
        hash &+= (four(0) ^ UInt64(name.count) << 32) &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ hash >> 29) &* (seed &* 0xff51_afd7_ed55_8ccd | 1)
        hash = (hash ^ hash >> 32) &* 0xc4ce_b9fe_1a85_ec53
        return Int(truncatingIfNeeded: hash >> 54)
    }
}
