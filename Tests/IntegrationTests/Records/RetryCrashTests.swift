import Foundation
import KafkaClient
import PostgresClient
import Testing

extension IntegrationTests {
    /// A worker that is killed when an attempt has failed and is recorded, and nothing of it has reached Kafka.
    @Suite(.serialized, .enabled(if: RecordsLab.isInstalled, RecordsLab.hint)) struct RetryCrashTests {
        @Test(
            "each attempt is made once, whether its retry is to wait in place or in a topic", arguments: ["2s", "10ms"])
        func killed(delay: String) async throws {
            try await RecordsLab.withFaults { records, broker in
                let settings = records.environment.merging(["ADJUTANT_RETRY_DELAYS": delay]) { $1 }
                let first = try records.lab.worker(settings: settings)
                defer { first.killNow() }
                let command = CommandMessage(id: "c", key: "k", data: #"{"durationMs":500,"fail":"transient"}"#)
                try records.lab.sender.send(command)
                try records.lab.sender.flush()
                // From here on the worker can send nothing; every request is tried again.
                broker.refuse(.produce, with: Array(repeating: .notEnoughReplicas, count: 100_000))
                let recorded: PostgresStatement =
                    "SELECT coalesce(max(attempts), 0) FROM adjutant.commands WHERE id = 'c'"
                let limit = Date(timeIntervalSinceNow: 60)
                while try records.count(recorded) == 0 {
                    guard Date() < limit else { throw HarnessError("no attempt is recorded: \(first.tail)") }
                    Thread.sleep(forTimeInterval: 0.01)
                }
                first.killNow()
                let made = try records.count(recorded)
                broker.stopRefusing(.produce)
                let before = try records.lab.journal.catchUp()
                #expect(before.retries.isEmpty && before.audits.isEmpty)
                let second = try records.lab.worker(settings: settings)
                defer { second.killNow() }
                try records.lab.journal.waitForOutcomes(of: ["c"])
                let contents = try records.lab.journal.catchUp()
                let failure = try #require(contents.outcomes["c"]?.first)
                #expect(failure.data["attempts"] as? Int == 3)
                #expect(failure.data["class"] as? String == "exhausted")
                // One row for each attempt: had one been made again, it would have another.
                let rows = try records.count("SELECT count(*) FROM adjutant.events WHERE command_id = 'c'")
                let attempts = try records.count(
                    "SELECT count(DISTINCT attempt) FROM adjutant.events WHERE command_id = 'c'")
                #expect(rows == 3 && attempts == 3, "\(made) attempts were made before")
            }
        }
    }
}
