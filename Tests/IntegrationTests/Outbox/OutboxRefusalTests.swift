import Commands
import Foundation
import JSONCoding
import KafkaClient
import PostgresClient
import Testing

@testable import Ledger

@Suite("Outbox refusals", .enabled(if: OutboxLab.isInstalled, OutboxLab.hint), .timeLimit(.minutes(10)))
struct OutboxRefusalTests {
    private static let topics = [(name: "out", partitions: 4), (name: "closed", partitions: 4)]

    @Test(
        "a topic that takes nothing holds up no other, and goes on in order when it does",
        arguments: [KafkaError.Code.unknownTopicOrPartition, .topicAuthorizationFailed])
    func refusedTopic(error: KafkaError.Code) async throws {
        try await OutboxLab.with(topics: Self.topics) { lab in
            lab.broker.refuse(topic: "closed", with: error)
            try await lab.watching([("out", 4)]) { witness in
                let hasty = ["topic.metadata.propagation.max.ms": "200", "message.timeout.ms": "1000"]
                try await lab.running(lab.relay(kafka: hasty)) {
                    try await lab.put("closed", keys: 100, from: 0, count: 20)
                    try await lab.put("out", keys: 100, from: 0, count: 20)
                    try await lab.wait("the other topic's events") { witness.distinct == 2000 }
                    try await lab.wait("the reason") {
                        try await OutboxStatus.read(from: lab.database).topics.contains {
                            $0.name == "closed" && $0.waiting == 2000 && $0.refusal != nil
                        }
                    }
                    try await lab.put("out", keys: 100, from: 20, count: 20)
                    try await lab.wait("more of the other topic's events") { witness.distinct == 4000 }
                    lab.broker.refuse(topic: "closed", with: nil)
                    try await lab.watching([("closed", 4)]) { late in
                        try await lab.wait("the refused topic's events") { late.distinct == 2000 }
                        #expect(late.now.faults.isEmpty)
                    }
                    try await lab.wait("a clean outbox") {
                        try await OutboxStatus.read(from: lab.database).topics.isEmpty
                    }
                }
                #expect(witness.now.faults.isEmpty)
            }
        }
    }

    @Test("a record that is too large is put aside, and its key goes on; it can be put back")
    func tooLarge() async throws {
        try await OutboxLab.with(topics: Self.topics) { lab in
            try await lab.watching([("out", 4)]) { witness in
                try await lab.put("out", keys: 10, from: 0, count: 5)
                try await Outbox.put(
                    OutboxRecord(topic: "out", key: "k1", value: [UInt8](repeating: 120, count: 50_000), headers: []),
                    in: lab.database)
                try await lab.put("out", keys: 10, from: 5, count: 5)
                try await lab.running(lab.relay(kafka: ["message.max.bytes": "20000"])) {
                    try await lab.wait("the other events") { witness.distinct == 100 }
                    try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                }
                #expect(witness.now.faults.isEmpty)
                let topics = try await OutboxStatus.read(from: lab.database).topics
                #expect(topics.map(\.putAside) == [1])
                #expect(topics.map(\.waiting) == [0])
                let refused = try await lab.tool("refused", "-o", "jsonl")
                #expect(refused.count == 1)
                let row = try JSONDocument(parsing: try #require(refused.first)).root
                #expect(row["topic"]?.stringValue == "out")
                #expect(row["key"]?.stringValue == "k1")
                #expect(row["bytes"]?.numberText == "50000")
                #expect(row["reason"]?.stringValue?.isEmpty == false)
                // Listed only.
                #expect(try await lab.tool("retry", "--topic", "out", "-o", "jsonl") == refused)
                try await lab.tool("retry", "--topic", "other", "--execute", exit: 3)
                try await lab.tool("retry", "--topic", "out", "--id", "1", "--execute", exit: 3)
                #expect(try await OutboxStatus.read(from: lab.database).topics.map(\.putAside) == [1])
                let id = try #require(row["id"]?.numberText)
                try await lab.tool("retry", "--topic", "out", "--id", id, "--execute")
                try await lab.running(lab.relay()) {
                    try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                }
                #expect(try await OutboxStatus.read(from: lab.database).topics.isEmpty)
            }
        }
    }

    @Test("the brokers refuse batches as too large or for good: each record arrives in order, or is put aside alone")
    func refusedBatches() async throws {
        try await OutboxLab.with(topics: Self.topics) { lab in
            try await lab.watching([("out", 4)]) { witness in
                try await lab.running(lab.relay()) {
                    // The topic's trial is over when these are.
                    try await lab.put("out", keys: 100, from: 0, count: 1)
                    try await lab.wait("the first events") { witness.distinct == 100 }
                    lab.broker.refuse(.produce, with: [.messageTooLarge])
                    try await lab.put("out", keys: 100, from: 1, count: 19)
                    try await lab.wait("all events") { witness.distinct == 2000 }
                    lab.broker.refuse(.produce, with: [.topicAuthorizationFailed])
                    try await lab.put("out", keys: 100, from: 20, count: 10)
                    try await lab.wait("all events") { witness.distinct == 3000 }
                    try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                }
                #expect(witness.now.faults.isEmpty)
                #expect(try await OutboxStatus.read(from: lab.database).topics.isEmpty)
            }
        }
    }
}
