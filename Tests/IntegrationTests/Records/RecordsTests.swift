import Foundation
import KafkaClient
import PostgresClient
import PostgresServer
import Testing

extension IntegrationTests {
    /// Schedules, batches and the history, from outside.
    @Suite(.serialized, .enabled(if: RecordsLab.isInstalled, RecordsLab.hint)) struct RecordsTests {
        @Test("A batch: sent, counted, told of once, and found in the history")
        func batch() async throws {
            try await RecordsLab.with { records in
                let worker = try records.worker()
                defer { worker.killNow() }
                let file = FileManager.default.temporaryDirectory.appendingPathComponent("batch-\(UUID()).jsonl")
                defer { try? FileManager.default.removeItem(at: file) }
                let lines = (0..<200).map { index in
                    let fail = index < 150 ? "" : index < 180 ? #","fail":"rejected""# : #","fail":"permanent""#
                    return #"{"echo":\#(index)\#(fail)}"#
                }
                try Data(lines.joined(separator: "\n").utf8).write(to: file)
                let id = try #require(
                    try records.tool(
                        "batches", "send", "--domain", "lab", "--name", "import", "--type", "lab.run", "--from-file",
                        file.path
                    ).first)
                try records.lab.journal.wait("the batch's completion") { contents in
                    contents.events.contains { $0.type == "adjutant.batch.completed" }
                }
                let batch = try records.object("batches", "show", id, "-o", "json")
                #expect(batch["state"] as? String == "COMPLETED_WITH_FAILURES")
                #expect(batch["succeeded"] as? Int == 150)
                #expect(batch["failed"] as? [String: Int] == ["rejected": 30, "permanent": 20])
                #expect(batch["deadLettered"] as? Int == 20)
                #expect(batch["waiting"] as? Int == 0)

                let contents = try records.lab.journal.catchUp()
                let told = contents.events.filter { $0.type == "adjutant.batch.completed" }
                #expect(told.count == 1)
                #expect(told.first?.topic == "lab.results")
                #expect(told.first?.header("ce_batchid") == id)
                #expect(told.first?.data["total"] as? Int == 200)

                let failed = try records.tool(
                    "commands", "list", "--batch", id, "--state", "failed", "--limit", "0", "-o", "jsonl")
                #expect(failed.count == 50)
                let permanent = try records.tool(
                    "commands", "list", "--batch", id, "--class", "permanent", "--limit", "7", "-o", "jsonl")
                #expect(permanent.count == 7)
                let command = try #require(
                    contents.outcomes.values.joined().first { $0.type == "lab.run.succeeded" })
                let shown = try records.object("commands", "show", command.subject, "-o", "json")
                #expect(shown["state"] as? String == "succeeded")
                #expect(shown["batchId"] as? String == id)
                try records.tool("commands", "cancel", command.subject, "--domain", "lab", exit: 4)
            }
        }

        @Test("The result of a command that was resolved by hand is its outcome, for repeats too")
        func resolved() async throws {
            try await RecordsLab.with { records in
                let lab = records.lab
                let worker = try records.worker()
                defer { worker.killNow() }
                let message = CommandMessage(id: "rs", key: "k", data: #"{"fail":"permanent"}"#)
                let failed = try lab.outcome(of: message)
                #expect(failed.type == "lab.run.failed")
                _ = try lab.deadLetter("rs") { $0.id == "rs" }
                try records.tool(
                    "dlt", "resolve", "rs", "--domain", "lab", "--result", #"{"done":true}"#, "--execute", "--reason",
                    "r")
                try lab.journal.wait("the result") { $0.outcomes["rs"]?.count == 2 }
                try lab.sender.send(message)
                try lab.sender.flush()
                try lab.journal.wait("the repeat's outcome") { $0.outcomes["rs"]?.count == 3 }
                let events = (lab.journal.now.outcomes["rs"] ?? []).filter { $0.type == "lab.run.succeeded" }
                #expect(events.count == 2 && Set(events.map(\.id)).count == 1)
                #expect(events.allSatisfy { $0.data["done"] as? Bool == true })
                let shown = try records.object("commands", "show", "rs", "-o", "json")
                #expect(shown["state"] as? String == "succeeded" && shown["code"] == nil)
                #expect((shown["output"] as? [String: Any])?["done"] as? Bool == true)
            }
        }

        @Test("What is cancelled before it runs does not run: one by one, and as a batch")
        func cancelling() async throws {
            try await RecordsLab.with { records in
                let worker = try records.worker()
                defer { worker.killNow() }
                try records.tool("commands", "cancel", "unwanted", "--domain", "lab", "--reason", "sent twice")
                let batch = try #require(
                    try records.tool("batches", "create", "--domain", "lab", "--name", "b", "--total", "3").first)
                try records.tool("batches", "cancel", batch)
                try records.lab.sender.send(CommandMessage(id: "unwanted", key: "k"))
                try records.lab.sender.send(CommandMessage(id: "wanted", key: "k"))
                for number in 1...3 {
                    try records.lab.sender.send(
                        CommandMessage(id: "of-batch-\(number)", key: "k", attributes: ["batchid": batch]))
                }
                try records.lab.sender.flush()
                let ids: Set = ["unwanted", "wanted", "of-batch-1", "of-batch-2", "of-batch-3"]
                try records.lab.journal.waitForOutcomes(of: ids)
                let outcomes = records.lab.journal.now.outcomes
                #expect(outcomes["wanted"]?.map(\.topic) == ["lab.results"])
                for id in ids.subtracting(["wanted"]) {
                    #expect(outcomes[id]?.map(\.topic) == ["lab.failures"])
                    #expect(outcomes[id]?.first?.data["class"] as? String == "cancelled")
                    #expect(try records.object("commands", "show", id, "-o", "json")["state"] as? String == "cancelled")
                }
                try records.lab.journal.wait("the batch's completion") { contents in
                    contents.events.contains { $0.type == "adjutant.batch.completed" }
                }
                let shown = try records.object("batches", "show", batch, "-o", "json")
                #expect(shown["state"] as? String == "CANCELLED")
                #expect(shown["cancelled"] as? Int == 3)
            }
        }

        @Test("A batch that is cancelled while it is sent: its id was told before, and what was sent counts as sent")
        func cancelledWhileSent() async throws {
            try await RecordsLab.withFaults { records, broker in
                try records.tool("migrate", "up")
                // Nothing gets through, and is tried again.
                broker.refuse(.produce, with: Array(repeating: .notEnoughReplicas, count: 100_000))
                let file = FileManager.default.temporaryDirectory.appendingPathComponent("batch-\(UUID()).jsonl")
                defer { try? FileManager.default.removeItem(at: file) }
                try Data("1\n2\n3".utf8).write(to: file)
                let program = try Program(
                    [
                        "batches", "send", "--domain", "lab", "--name", "import", "--type", "lab.run", "--from-file",
                        file.path,
                    ], environment: records.environment)
                defer { program.killNow() }
                try program.waitForError("the batch is ")
                let limit = Date(timeIntervalSinceNow: 30)
                while try records.count("SELECT total FROM adjutant.batches") < 3 {
                    guard Date() < limit else { throw HarnessError("nothing is counted: \(program.tail)") }
                    Thread.sleep(forTimeInterval: 0.01)
                }
                let told = program.errors.all.compactMap { $0.split(separator: " ").last }.first ?? ""
                try records.tool("batches", "cancel", String(told))
                broker.stopRefusing(.produce)
                #expect(try program.waitForExit(seconds: 30) == 0)
                #expect(program.output.all == [String(told)])
            }
        }

        @Test("Schedules due in the same seconds, three workers, one killed: each command runs once")
        func schedules() async throws {
            try await Self.schedules(3000, apart: "1 millisecond", kills: true)
        }

        @Test(
            "10,000 schedules due in the same minute, three workers, one killed: each command runs once",
            .enabled(if: Conditions.isSoak, "\(Conditions.soakHint)"))
        func schedulesOfAMinute() async throws {
            try await Self.schedules(10_000, apart: "6 milliseconds", kills: true)
        }

        @Test(
            "10,000 schedules due at one instant, three workers: each command runs once",
            .enabled(if: Conditions.isSoak, "\(Conditions.soakHint)"))
        func schedulesOfAnInstant() async throws {
            try await Self.schedules(10_000, apart: "0 milliseconds", kills: false)
        }

        private static func schedules(_ count: Int, apart: String, kills: Bool) async throws {
            try await RecordsLab.with { records in
                var workers = [try records.worker(), try records.worker(), try records.worker()]
                defer { for worker in workers { worker.killNow() } }
                try RecordsLab.blockingly {
                    let database = try await RecordsDatabase(records.server.url)
                    try await database.connection.query(
                        """
                        INSERT INTO adjutant.schedules (id, domain, type, key, data, next_due)
                        SELECT 's' || n, 'lab', 'lab.run', 'k' || n % 50, convert_to('{"echo":' || n || '}', 'UTF8'),
                            statement_timestamp() + interval '4 seconds' + n * $2::text::interval
                        FROM generate_series(1, $1::int8) n
                        """, [.int(count), .text(apart)])
                }
                if kills {
                    try records.lab.journal.wait("the first of them") { $0.outcomes.count >= count / 6 }
                    workers.removeFirst().killNow()
                }
                try records.lab.journal.wait("all of them", seconds: 180) { $0.outcomes.count >= count }
                let contents = try records.lab.journal.catchUp()
                #expect(contents.outcomes.count == count)
                #expect(Set(contents.outcomes.values.compactMap { $0.first?.header("ce_scheduleid") }).count == count)
                #expect(contents.outcomes.values.allSatisfy { Set($0.map(\.id)).count == 1 })
                let (fired, known, early, late) = try RecordsLab.blockingly {
                    let database = try await RecordsDatabase(records.server.url)
                    let late: PostgresStatement = """
                        SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY x.fired)::float8,
                            percentile_disc(0.99) WITHIN GROUP (ORDER BY x.received)::float8
                        FROM (
                            SELECT extract(epoch FROM pg_xact_commit_timestamp(s.xmin) - s.last_due) AS fired,
                                extract(epoch FROM c.received_at - s.last_due) AS received
                            FROM adjutant.schedules s JOIN adjutant.commands c ON c.causation_id = s.id
                        ) x
                        """
                    let row = try await database.connection.query(late).only
                    return (
                        try await database.count("SELECT count(*) FROM adjutant.schedules WHERE fired = 1"),
                        try await database.count("SELECT count(*) FROM adjutant.commands WHERE state = 'succeeded'"),
                        try await database.count(
                            """
                            SELECT count(*) FROM adjutant.commands c JOIN adjutant.schedules s ON s.id = c.causation_id
                            WHERE c.received_at < s.last_due
                            """),
                        (try row.get(0, as: Double.self), try row.get(1, as: Double.self))
                    )
                }
                #expect(fired == count)
                #expect(known == count)
                #expect(early == 0)
                // A matter of the machine's load: told, not asserted.
                let text =
                    "\(count) schedules \(apart) apart: 99 of 100 were in the outbox within \(late.0) s of their time, and at "
                    + "a worker within \(late.1) s\n"
                FileHandle.standardError.write(Data(text.utf8))
            }
        }

        @Test("A schedule of the tool fires, and shows so")
        func tool() async throws {
            try await RecordsLab.with { records in
                let worker = try records.worker()
                defer { worker.killNow() }
                let id = try #require(
                    try records.tool(
                        "schedules", "add", "--domain", "lab", "--type", "lab.run", "--data", #"{"echo":7}"#, "--key",
                        "k", "--in", "1s", "--actor", "ann", "--name", "once"
                    ).first)
                try records.tool(
                    "schedules", "add", "--domain", "lab", "--type", "x.y", "--in", "1h", "--name", "once", exit: 4)
                try records.lab.journal.wait("its command") { !$0.outcomes.isEmpty }
                let event = try #require(records.lab.journal.now.outcomes.values.first?.first)
                #expect(event.data["echo"] as? Int == 7)
                #expect(event.header("ce_scheduleid") == id)
                #expect(event.header("ce_actor") == "ann")
                let shown = try records.object("schedules", "show", "once", "-o", "json")
                #expect(shown["state"] as? String == "done")
                #expect(shown["fired"] as? Int == 1)
                try records.tool("schedules", "cancel", "once", exit: 4)
                try records.tool("schedules", "show", "nobody", exit: 3)
            }
        }
    }
}
