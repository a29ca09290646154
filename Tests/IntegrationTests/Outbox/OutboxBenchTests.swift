import Commands
import Foundation
import KafkaClient
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

/// What the benchmarks do with a database's outbox.
@Suite("Outbox of a benchmark", .enabled(if: OutboxLab.isInstalled, OutboxLab.hint), .timeLimit(.minutes(5)))
struct OutboxBenchTests {
    private static let topics = (Journal.labTopics + ["lab.commands", "lab.retry.10m"]).map { ($0, 2) } + [("out", 4)]

    @Test("the measured engine relays what is in the outbox of its database")
    func relays() async throws {
        try await OutboxLab.with(topics: Self.topics) { lab in
            try await lab.put(keys: 4, from: 0, count: 5)
            let (bootstrap, url) = (lab.broker.bootstrapServers, lab.server.url)
            let engine = try await blocking {
                try Program(
                    ["bench", "engine", "-b", bootstrap, "--group", "bench"],
                    environment: ["ADJUTANT_DATABASE_URL": url, "ADJUTANT_TOPICS_DIRECTORY": Executable.quickTopics])
            }
            try await lab.wait("an empty outbox") { try await lab.left() == 0 }
            engine.signal(SIGTERM)
            let code = try await blocking { try engine.waitForExit(seconds: 60) }
            #expect(code == 0)
            #expect(try await OutboxStatus.read(from: lab.database).relays.isEmpty)
        }
    }

    @Test("a database with something to send is left alone", arguments: [false, true])
    func refusal(hasSchedule: Bool) async throws {
        try await OutboxLab.with { lab in
            if hasSchedule {
                try await ScheduleStore(lab.database).add(
                    ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.seconds(3600))))
            } else {
                try await lab.put(keys: 1, from: 0, count: 3)
            }
            let url = lab.server.url
            let program = try await blocking {
                let program = try Program(
                    ["bench", "durable", "--database-url", "env", "--count", "100", "--partitions", "1"],
                    environment: ["ADJUTANT_DATABASE_URL": url, "ADJUTANT_TOPICS_DIRECTORY": Executable.quickTopics])
                #expect(try program.waitForExit(seconds: 60) == 4)
                return program
            }
            #expect(program.tail.contains("nobody else uses"))
            #expect(try await lab.left() == (hasSchedule ? 0 : 3))
        }
    }
}
