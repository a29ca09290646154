import Foundation
import KafkaClient
import Processor
import Testing

extension IntegrationTests {
    /// Work that is finished above work that is not: the commit's metadata carries it over a crash.
    @Suite(.serialized) struct CompletedWorkTests {
        private static let group = "adjutant.lab"

        @Test("SIGKILL with a long command at the bottom: what finished above it is not run again")
        func finishedAbove() async throws {
            try await Lab.with { lab in
                let settings = ["ADJUTANT_RETRY_TIMEOUT": "10m"]
                let worker = try lab.worker(settings: settings)
                let finished = (0..<200).map { "above-\($0)" }
                try lab.sender.send(
                    CommandMessage(id: "slow", key: "slow", data: #"{"durationMs":300000}"#), partition: 2)
                for (index, id) in finished.enumerated() {
                    try lab.sender.send(CommandMessage(id: id, key: "key-\(index % 20)"), partition: 2)
                }
                // Unfinished as well, in the middle of the finished ones.
                try lab.sender.send(CommandMessage(id: "slow-2", key: "slow", data: "{}"), partition: 2)
                try lab.sender.send(CommandMessage(id: "top", key: "top"), partition: 2)
                try lab.sender.flush()
                try lab.journal.waitForOutcomes(of: Set(finished + ["top"]))
                try Self.waitForMetadata(lab, partition: 2, covering: Array(1...200) + [202])
                worker.killNow()

                let next = try lab.worker(settings: settings)
                try lab.sender.send(CommandMessage(id: "marker", key: "marker"), partition: 2)
                try lab.sender.flush()
                try lab.journal.waitForOutcomes(of: ["marker"])
                next.killNow()
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingTwice()
                #expect(found.contents.outcomes["slow"] == nil)
                #expect(found.contents.outcomes["slow-2"] == nil)
            }
        }

        @Test("Foreign and damaged metadata mean that nothing is known, and are no error")
        func foreignMetadata() async throws {
            let texts = ["hello", "adj1:AAAA", #"{"v":9}"#, String(repeating: "x", count: 4_000)]
            try await Lab.with(partitions: texts.count) { lab in
                for partition in texts.indices {
                    for index in 0..<10 {
                        let message = CommandMessage(id: "m-\(partition)-\(index)", key: "k")
                        try lab.sender.send(message, partition: Int32(partition))
                    }
                }
                try lab.sender.flush()
                let consumer = try Self.consumer(lab)
                defer { consumer.close() }
                try consumer.commitAndWait(
                    texts.enumerated().map { partition, text in
                        KafkaPartition(topic: "lab.commands", partition: Int32(partition), offset: 4, metadata: text)
                    })
                let worker = try lab.worker()
                let wanted = texts.indices.flatMap { partition in (4..<10).map { "m-\(partition)-\($0)" } }
                try lab.journal.waitForOutcomes(of: Set(wanted))
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 90) == 0)
                #expect(try lab.journal.catchUp().outcomes.count == wanted.count)
                let warnings = worker.errors.all.filter { $0.contains("metadata is not Adjutant's or is damaged") }
                #expect(warnings.count == texts.count)
            }
        }

        private static func consumer(_ lab: Lab) throws -> KafkaConsumer {
            try KafkaConsumer(
                configuration: KafkaConfiguration(["bootstrap.servers": lab.bootstrap, "group.id": Self.group]),
                logger: .silent)
        }

        /// Waits until the group's commit says that the offsets are finished.
        private static func waitForMetadata(_ lab: Lab, partition: Int32, covering offsets: [Int64]) throws {
            let consumer = try Self.consumer(lab)
            defer { consumer.close() }
            let limit = Date(timeIntervalSinceNow: 180)
            while Date() < limit {
                let committed = try consumer.committed(
                    [KafkaPartition(topic: "lab.commands", partition: partition)], milliseconds: 5_000)
                if let entry = committed.first, let text = entry.metadata,
                    let set = CompletedSet(metadata: text, base: entry.offset),
                    offsets.allSatisfy({ set.contains($0) || $0 < entry.offset })
                {
                    return
                }
                Thread.sleep(forTimeInterval: 0.02)
            }
            throw HarnessError("the finished commands are not in the commit's metadata")
        }
    }
}
