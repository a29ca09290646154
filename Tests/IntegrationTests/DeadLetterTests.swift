import Commands
import Foundation
import KafkaClient
import Testing

extension IntegrationTests {
    /// The tool and real workers on dead letters.
    @Suite(.serialized) struct DeadLetterTests {
        @Test("A letter that fails again and again ends in quarantine after the cap")
        func quarantine() async throws {
            try await Lab.with(partitions: 4) { lab in
                let worker = try lab.worker()
                defer { worker.killNow() }
                let message = CommandMessage(id: "hopeless", key: "k", data: #"{"fail":"permanent","echo":"kept"}"#)
                try lab.sender.send(message)
                try lab.sender.flush()
                try lab.journal.wait("the first letter") { $0.deadLetters.count == 1 }
                for round in 1...3 {
                    let replay = try lab.dlt(
                        "replay", "--execute", "--reason", "round \(round)", "--wait", "30", "--max-replays", "3", "-o",
                        "json")
                    #expect(replay.code == 2, "round \(round): it fails again: \(replay.said)")
                    #expect(replay.count("sent") == 1 && replay.count("failedAgain") == 1)
                    try lab.journal.wait("letter \(round + 1)") { $0.deadLetters.count == round + 1 }
                }
                #expect(lab.journal.now.deadLetters.map { $0.header("adjutant-replays") } == ["0", "1", "2", "3"])
                let story = try #require(try lab.dlt("show", "hopeless", "-o", "json").rows.first)
                let events = try #require(story["events"] as? [[String: Any]])
                #expect(story["eventsFrom"] as? String == "audit")
                #expect(
                    events.compactMap { $0["event"] as? String }.filter { $0 != "failed" } == [
                        "deadlettered", "replayed", "deadlettered", "replayed", "deadlettered", "replayed",
                        "deadlettered",
                    ], "\(events)")
                #expect(events.contains { $0["attempt"] as? Int == 1 && $0["worker"] is String }, "\(events)")
                #expect(events.contains { $0["reason"] as? String == "round 3" && $0["actor"] is String })
                let journal = try lab.toolJournal(["lab.dlt.parked", "lab.audit", "lab.commands"])
                defer { journal.close() }
                let last = try lab.dlt(
                    "replay", "--execute", "--reason", "last", "--max-replays", "3", "-o", "json")
                #expect(last.code == 0 && last.count("sent") == 0 && last.count("quarantined") == 1)
                let contents = try journal.catchUp()
                let parked = try #require(contents.events.first { $0.topic == "lab.dlt.parked" })
                #expect(parked.id == "hopeless" && parked.key == "k" && parked.value == Array(message.data.utf8))
                #expect(contents.events.count { $0.topic == "lab.commands" } == 4)
                let audits = contents.events.filter { $0.type == "adjutant.command.replayed" }
                #expect(audits.count == 4)
                #expect(audits.contains { $0.data["reason"] as? String == "round 2" && $0.subject == "hopeless" })
                let states = try lab.dlt("list", "-o", "json").rows.map { $0["state"] as? String }
                #expect(states.sorted { $0! < $1! } == ["quarantined", "replayed", "replayed", "replayed"])
            }
        }

        @Test("Killed ten times and resumed: every letter is sent, and twice at most what was not confirmed")
        func killed() async throws {
            try await Lab.with(partitions: 4) { lab in
                // Enough for all kills, however late each of them comes.
                let (count, batch, kills) = (6000, 60, 10)
                for index in 0..<count { try lab.park("c-\(index)", key: "k-\(index % 50)") }
                try lab.park("other", code: "OTHER")
                try lab.sender.flush()
                let journal = try lab.toolJournal(["lab.commands"])
                defer { journal.close() }
                var program = try lab.startDlt([
                    "replay", "--filter", "code=CODE", "--execute", "--reason", "kill", "--rate", "500", "--batch",
                    "\(batch)",
                ])
                var job = ""
                for kill in 1...kills {
                    let wanted = journal.now.events.count + 100
                    try journal.wait("commands before kill \(kill)") { $0.events.count >= wanted }
                    program.killNow()
                    let jobs = try lab.dlt("jobs", "list", "-o", "json").rows
                    #expect(jobs.count == 1 && jobs.first?["state"] as? String == "interrupted")
                    job = jobs.first?["id"] as? String ?? ""
                    program = try lab.startDlt(["jobs", "resume", job, "-o", "json"])
                }
                #expect(try program.waitForExit(seconds: 180) == 0, "\(program.tail)")
                let end = DltResult(code: 0, output: program.output.all, errors: [])
                #expect(end.count("sent") == count && end.rows.first?["state"] as? String == "finished")
                let events = try journal.catchUp().events
                let times = Dictionary(events.map { ($0.id, 1) }, uniquingKeysWith: +)
                #expect(times.count == count, "every letter that matched, and no other")
                #expect(times["other"] == nil)
                let repeats = events.count - times.count
                #expect(repeats <= kills * batch, "\(repeats) repeats")
                #expect(events.allSatisfy { $0.header("adjutant-replays") == "1" })
                // Nothing is left to do, and an ended job stays so.
                #expect(try lab.dlt("replay", "--filter", "code=CODE", "-o", "json").rows.first?["send"] as? Int == 0)
                #expect(try lab.dlt("jobs", "resume", job).code == 4)
            }
        }

        @Test("A dry run, and everything else that only looks, writes nothing")
        func dryRun() async throws {
            try await Lab.with(partitions: 3) { lab in
                for index in 0..<50 { try lab.park("c-\(index)", key: "k-\(index)", code: index % 2 == 0 ? "A" : "B") }
                try lab.sender.flush()
                let before = try lab.ends()
                let plan = try lab.dlt("replay", "--filter", "code=A", "--rate", "5", "-o", "json")
                #expect(plan.code == 0, "\(plan.said)")
                let row = try #require(plan.rows.first)
                #expect(row["dryRun"] as? Bool == true && row["send"] as? Int == 25)
                #expect(row["targets"] as? [String: Int] == ["lab.commands": 25])
                #expect(row["expectedSeconds"] as? Double == 5)
                #expect((row["causes"] as? [[String: Any]])?.first?["count"] as? Int == 25)
                for arguments in [
                    ["list"], ["groups"], ["show", "c-1"], ["discard"], ["restore"], ["export"], ["jobs", "list"],
                    ["resolve", "c-1", "--result", "{}"],
                ] {
                    let program = try lab.startDlt(arguments)
                    #expect(try program.waitForExit(seconds: 90) == 0, "\(program.tail)")
                }
                #expect(try lab.ends() == before)
                let groups = try lab.dlt("groups", "-o", "json").rows
                #expect(groups.map { $0["count"] as? Int } == [25, 25])
                for name in ["fingerprint", "class", "code", "firstSeen", "lastSeen"] {
                    #expect(groups.allSatisfy { $0[name] is String }, "\(name)")
                }
            }
        }

        @Test("Letters of Spring Kafka, Kafka Connect and Kafka Streams are listed and go back to where they came from")
        func foreign() async throws {
            try await Lab.with(partitions: 3) { lab in
                for letter in ForeignLetter.all {
                    try lab.sender.send(
                        key: Array(letter.name.utf8), value: letter.value,
                        headers: letter.headers + [("mine", [1, 0xff])],
                        to: "lab.dlt")
                }
                try lab.sender.flush()
                let rows = try lab.dlt("list", "-o", "json").rows
                for letter in ForeignLetter.all {
                    let row = try #require(rows.first { $0["key"] as? String == letter.name })
                    #expect(row["format"] as? String == letter.format, "\(letter.name)")
                    #expect(row["code"] as? String == letter.code, "\(letter.name)")
                    #expect(row["class"] as? String == "unknown", "\(letter.name)")
                    let origin = row["origin"] as? [String: Any]
                    #expect(origin?["topic"] as? String == letter.topic, "\(letter.name)")
                    #expect(origin?["partition"] as? Int == letter.partition, "\(letter.name)")
                    #expect(origin?["offset"] as? Int == letter.offset, "\(letter.name)")
                }
                let before = try lab.ends()
                let refused = try lab.dlt("replay", "--filter", "key~stray", "--execute", "--reason", "no")
                #expect(refused.code == 4 && refused.said.contains("lab.commands"), "\(refused.said)")
                #expect(try lab.dlt("replay", "--filter", "key=nobody", "--execute", "--reason", "no").code == 4)
                #expect(try lab.dlt("replay", "--to", "lab.results", "--execute", "--reason", "no").code == 4)
                let after = try lab.ends().filter {
                    !$0.key.topic.hasSuffix(".jobs") && !$0.key.topic.hasSuffix(".audit")
                }
                #expect(after.allSatisfy { before[$0.key] == $0.value }, "what is refused goes nowhere")

                let replay = try lab.dlt("replay", "--filter", "topic=lab.commands", "--execute", "--reason", "yes")
                #expect(replay.code == 0, "\(replay.said)")
                let journal = try lab.toolJournal(["lab.commands"])
                defer { journal.close() }
                let events = try journal.catchUp().events
                for letter in ForeignLetter.all where letter.topic == "lab.commands" {
                    let event = try #require(events.first { $0.key == letter.name })
                    #expect(event.value == letter.value && Int(event.record.partition) == letter.partition)
                    #expect(event.bytes(ofHeader: "mine") == [1, 0xff])
                    #expect(event.record.headers.count == 2, "its own header, and the count of replays")
                }
                let elsewhere = try lab.dlt(
                    "replay", "--filter", "key=nobody", "--to", "lab.commands", "--execute", "--reason", "yes", "-o",
                    "json")
                #expect(elsewhere.code == 0 && elsewhere.count("sent") == 1)
            }
        }

        @Test("The first interrupt ends a replay after its batch and says how to go on")
        func interrupt() async throws {
            try await Lab.with(partitions: 3) { lab in
                for index in 0..<120 { try lab.park("c-\(index)", key: "k") }
                try lab.sender.flush()
                let journal = try lab.toolJournal(["lab.commands"])
                defer { journal.close() }
                let program = try lab.startDlt(["replay", "--execute", "--reason", "slow", "--rate", "15"])
                try journal.wait("some commands") { $0.events.count >= 10 }
                program.signal(SIGINT)
                #expect(try program.waitForExit(seconds: 90) == 130, "\(program.tail)")
                let hint = try #require(program.errors.all.first { $0.contains("dlt jobs resume") })
                let job = try #require(
                    hint.split(whereSeparator: { " `".contains($0) }).first { $0.hasPrefix("replay-") })
                let sent = try journal.catchUp().events.count
                #expect(sent < 120)
                let resumed = try lab.dlt("jobs", "resume", String(job), "-o", "json")
                // The rest goes at the job's own rate.
                #expect(resumed.code == 0 && resumed.count("sent") == 120 && resumed.count("repeated") == 0)
                #expect(try journal.catchUp().events.count == 120)
            }
        }

        @Test("Canaries that fail again stop the rest; somebody else can end a job")
        func canaryAndCancel() async throws {
            try await Lab.with(partitions: 3) { lab in
                let worker = try lab.worker()
                defer { worker.killNow() }
                for index in 0..<30 { try lab.park("bad-\(index)", code: "BAD", value: #"{"fail":"permanent"}"#) }
                for index in 0..<30 { try lab.park("good-\(index)", code: "GOOD") }
                try lab.sender.flush()
                let bad = try lab.dlt(
                    "replay", "--filter", "code=BAD", "--execute", "--reason", "try", "--canary", "3", "-o", "json")
                #expect(bad.code == 2 && bad.count("sent") == 3, "\(bad.said)")
                #expect(bad.rows.first?["state"] as? String == "stopped")
                let good = try lab.dlt(
                    "replay", "--filter", "code=GOOD", "--execute", "--reason", "try", "--canary", "3", "--ordered",
                    "--wait", "30", "-o", "json")
                #expect(good.code == 0 && good.count("succeeded") == 30, "\(good.said)")

                let program = try lab.startDlt([
                    "replay", "--filter", "code=BAD", "--execute", "--reason", "slow", "--rate", "1", "-o", "json",
                ])
                defer { program.killNow() }
                try program.waitForError("job replay-")
                let line = try #require(program.errors.all.first { $0.hasPrefix("job replay-") })
                let job = String(line.dropFirst(4).prefix { $0 != ":" })
                try lab.journal.wait("a command of the slow job") {
                    $0.outcomes["bad-5"] != nil || $0.deadLetters.count > 3
                }
                let second = try lab.dlt("replay", "--filter", "code=BAD", "--execute", "--reason", "too")
                #expect(second.code == 4 && second.said.contains(job), "two at once are refused: \(second.said)")
                #expect(try lab.dlt("jobs", "cancel", job, "--reason", "enough").code == 0)
                #expect(try program.waitForExit(seconds: 90) == 2, "\(program.tail)")
                #expect(try lab.dlt("jobs", "show", job, "-o", "json").rows.first?["state"] as? String == "cancelled")
                #expect(try lab.dlt("jobs", "watch", job).code == 2)
                #expect(try lab.dlt("jobs", "show", "replay-0").code == 3)
            }
        }

        @Test("A topic that was not read to its end, and an outcome that did not come, have their exit codes")
        func exitCodes() async throws {
            try await Lab.with(partitions: 3) { lab in
                for index in 0..<4 { try lab.park("c-\(index)", key: "k-\(index)") }
                try lab.sender.flush()
                let discard = try lab.dlt("discard", "--timeout", "0.000001", "-o", "json")
                #expect(discard.code == 2 && discard.rows.first?["dryRun"] as? Bool == true, "\(discard.said)")
                #expect(try lab.dlt("show", "c-1", "--timeout", "0.000001").code == 2)
                #expect(try lab.dlt("export", "--limit", "0").rows.count == 4)
                #expect(try lab.dlt("export", "--limit", "3").rows.count == 3)
                // No job is made for a letter that is not there; that a filter means none is no error.
                for name in ["nope", "2/1000", "0/0/0"] {
                    for arguments in [
                        [], ["--execute", "--reason", "x"], ["--edit", "1", "--execute", "--reason", "x"],
                    ] {
                        let program = try lab.startDlt(["replay", name] + arguments)
                        let code = try program.waitForExit(seconds: 60)
                        #expect(code == (name == "0/0/0" ? 64 : 3), "\(program.tail)")
                    }
                }
                #expect(try lab.dlt("replay", "c-1", "--filter", "key=other", "--execute", "--reason", "x").code == 3)
                #expect(try lab.dlt("jobs", "list", "-o", "json").rows.isEmpty)
                #expect(try lab.dlt("replay", "--filter", "key=other", "--execute", "--reason", "x").code == 0)
                let canary = try lab.dlt(
                    "replay", "--canary", "1", "--outcome-timeout", "1", "--execute", "--reason", "no worker", "-o",
                    "json")
                #expect(canary.code == 5 && canary.rows.first?["state"] as? String == "stopped", "\(canary.said)")
                let resumed = try lab.dlt(
                    "jobs", "resume", try #require(canary.rows.first?["id"] as? String), "-o", "json")
                #expect(resumed.code == 5, "\(resumed.said)")
            }
        }

        @Test("Two replays that begin at once: one goes on, and every letter is sent once")
        func startedTwice() async throws {
            try await Lab.with(partitions: 3) { lab in
                for index in 0..<60 { try lab.park("c-\(index)", key: "k-\(index)") }
                try lab.sender.flush()
                let both = try (0..<2).map {
                    try lab.startDlt(["replay", "--execute", "--reason", "number \($0)", "--rate", "8", "-o", "json"])
                }
                let codes = try both.map { try $0.waitForExit(seconds: 90) }.sorted()
                #expect(codes == [0, 4], "\(both.map(\.tail))")
                let journal = try lab.toolJournal(["lab.commands"])
                defer { journal.close() }
                #expect(try journal.catchUp().events.count == 60)
            }
        }

        @Test("Two that take one job up at once: one goes on, and every letter is sent once")
        func resumedTwice() async throws {
            try await Lab.with(partitions: 3) { lab in
                for index in 0..<60 { try lab.park("c-\(index)", key: "k-\(index)") }
                try lab.sender.flush()
                let journal = try lab.toolJournal(["lab.commands"])
                defer { journal.close() }
                let first = try lab.startDlt(["replay", "--execute", "--reason", "slow", "--rate", "8", "-o", "json"])
                try journal.wait("some commands") { $0.events.count >= 5 }
                first.signal(SIGINT)
                #expect(try first.waitForExit(seconds: 90) == 130)
                let job = try #require(try lab.dlt("jobs", "list", "-o", "json").rows.first?["id"] as? String)
                let both = try (0..<2).map { _ in try lab.startDlt(["jobs", "resume", job, "-o", "json"]) }
                let codes = try both.map { try $0.waitForExit(seconds: 90) }.sorted()
                // The slower one may also have seen the other at its first look.
                #expect(codes == [0, 4], "\(both.map(\.tail))")
                #expect(try lab.dlt("jobs", "show", job, "-o", "json").rows.first?["state"] as? String == "finished")
                #expect(try journal.catchUp().events.count == 60)
            }
        }

        @Test("Discarded, restored, resolved, edited, exported and imported letters")
        func others() async throws {
            try await Lab.with(partitions: 3) { lab in
                let worker = try lab.worker()
                defer { worker.killNow() }
                for id in ["a", "b", "c"] {
                    try lab.park(
                        id, key: "k", value: #"{"fail":"permanent","secret":"canary-payload"}"#,
                        origin: ("lab.commands", 0, Int(id.utf8.first!)))
                }
                try lab.sender.flush()
                #expect(try lab.dlt("discard", "a", "--execute", "--reason", "old").code == 0)
                #expect(
                    try lab.dlt("resolve", "b", "--result", #"{"done":true}"#, "--execute", "--reason", "by hand").code
                        == 0)
                try lab.journal.waitForOutcomes(of: ["b"])
                let outcome = try #require(lab.journal.now.outcomes["b"]?.first)
                #expect(outcome.topic == "lab.results" && outcome.type == "lab.run.succeeded")
                #expect(outcome.data["done"] as? Bool == true && outcome.key == "k")
                let edited = try lab.dlt(
                    "replay", "c", "--edit", #"{"echo":"mended"}"#, "--execute", "--reason", "typo", "--wait", "30",
                    "-o",
                    "json")
                #expect(edited.code == 0 && edited.count("succeeded") == 1, "\(edited.said)")
                let changed = lab.journal.now.outcomes.values.joined().first { $0.data["echo"] as? String == "mended" }
                #expect(changed?.subject != "c" && changed?.header("ce_correlationid") == "c")
                let states = try lab.dlt("list", "-o", "jsonl").rows.map {
                    ($0["id"] as? String, $0["state"] as? String)
                }
                #expect(
                    Dictionary(states.map { ($0.0!, $0.1!) }, uniquingKeysWith: { $1 }) == [
                        "a": "discarded", "b": "resolved", "c": "replayed",
                    ])
                #expect(try lab.dlt("restore", "a", "--execute", "--reason", "after all").code == 0)
                #expect(try lab.dlt("list", "--filter", "state=parked", "-o", "jsonl").rows.count == 1)

                let shown = try lab.dlt("show", "a")
                #expect(shown.output.contains { $0.contains("canary-payload") })
                #expect(shown.output.contains { $0.contains("discard by") && $0.contains("old") })
                let hidden = try lab.dlt("show", "a", settings: ["ADJUTANT_DLT_SHOW_PAYLOADS": "false"])
                #expect(hidden.code == 0 && !hidden.output.contains { $0.contains("canary-payload") })
                #expect(try lab.dlt("export", settings: ["ADJUTANT_DLT_SHOW_PAYLOADS": "false"]).code == 4)
                #expect(try lab.dlt("show", "nobody").code == 3)
                #expect(try lab.dlt("list", "--filter", "klass=x").code == 64)

                let file = FileManager.default.temporaryDirectory.appendingPathComponent("letters-\(UUID().uuidString)")
                    .path
                defer { try? FileManager.default.removeItem(atPath: file) }
                #expect(try lab.dlt("export", "--filter", "id=a", "--file", file).code == 0)
                let imported = try lab.dlt("import", "--from-file", file, "--execute", "--reason", "back")
                #expect(imported.code == 0, "\(imported.said)")
                let copies = try lab.dlt("list", "--filter", "id=a", "-o", "json").rows
                #expect(copies.count == 2 && copies.allSatisfy { $0["state"] as? String == "parked" })
                // Both are of one record: it is sent once.
                let plan = try lab.dlt("replay", "--filter", "id=a", "-o", "json").rows.first
                #expect(plan?["send"] as? Int == 1 && plan?["skipped"] as? [String: Int] == ["duplicate": 1])
            }
        }
    }
}
