import Commands
import PostgresClient
import Processor
import Testing

@testable import Ledger

/// What the inbox remembers and what it undoes.
@Suite(.timeLimit(.minutes(10))) struct InboxTests {
    @Test("what a handler writes, the outbox and the command's row stand or fall together")
    func together() async throws {
        try await Inbox.with { inbox in
            let good = try inbox.command("good")
            let verdict = await inbox.attempt(good) { transaction in
                try await transaction.effect("good")
                try await transaction.emit(OutboxRecord(topic: "t", key: "k", value: [1], headers: []))
            }
            #expect(verdict.name == "recorded")
            let bad = try inbox.command("bad", offset: 1)
            let failed = await inbox.attempt(bad) { transaction in
                try await transaction.effect("bad")
                try await transaction.emit(OutboxRecord(topic: "t", key: "k", value: [2], headers: []))
                throw CommandError.transient("NO")
            }
            #expect(failed.name == "recorded")
            #expect(try await inbox.effects() == ["good done"])
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.outbox") == 1)
            #expect(try await inbox.state("good") == "succeeded 1")
            #expect(try await inbox.state("bad") == "retrying 1")
            #expect(await inbox.ledger.look(good).name == "finished")
            #expect(await inbox.ledger.look(bad).name == "begun 1 at 1")
            #expect(await inbox.ledger.look(try inbox.command("bad", offset: 7)).name == "begun 1 at 1")
        }
    }

    @Test("an outcome comes back as it was")
    func outcome() async throws {
        try await Inbox.with { inbox in
            let good = try inbox.command("good", offset: 3)
            #expect(
                await inbox.ledger.record(inbox.entry(good, attempt: 2, output: #"{"ö":1}"#), in: nil).name
                    == "recorded")
            guard case .finished(let outcome) = await inbox.ledger.look(good) else {
                Issue.record("not finished")
                return
            }
            #expect(String(decoding: outcome.output, as: UTF8.self) == #"{"ö":1}"#)
            #expect(outcome.failure == nil && outcome.attempts == 2 && outcome.origin == good.origin)
            let failure = AttemptFailure(
                failureClass: .invalid, code: "INVALID", message: "it \u{0} is\nwrong",
                problems: [Problem(path: "a/\u{0}", code: "c", message: "\"m\"")])
            let bad = try inbox.command("bad\u{fffd}", offset: 4)
            _ = await inbox.ledger.record(inbox.entry(bad, .failed, failure: failure), in: nil)
            guard case .finished(let refusal) = await inbox.ledger.look(bad) else {
                Issue.record("not finished")
                return
            }
            #expect(refusal.failure?.failureClass == .invalid && refusal.failure?.code == "INVALID")
            #expect(refusal.failure?.message == "it \u{fffd} is\nwrong")
            #expect(refusal.failure?.problems == [Problem(path: "a/\u{fffd}", code: "c", message: "\"m\"")])
        }
    }

    @Test("of one command twice at once, one is kept; the other one learns of its outcome with the commit")
    func twiceAtOnce() async throws {
        // One connection: both are in one transaction, where the second sees a row that is not committed.
        try await Inbox.with {
            $0.transactions = 1
        } _: { inbox in
            let (first, second) = (try inbox.command("c", offset: 0), try inbox.command("c", offset: 1))
            async let one = inbox.run(first) { try await $0.effect("c", "first") }
            async let two = inbox.run(second) { try await $0.effect("c", "second") }
            let names = await [one.1.name, two.1.name].sorted()
            #expect(names == ["recorded", "repeated"])
            #expect(try await inbox.effects().count == 1)
        }
    }

    @Test("a command that fails undoes itself only; others of its transaction are kept")
    func savepoints() async throws {
        try await Inbox.with {
            $0.transactions = 1
        } _: { inbox in
            let verdicts = try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<60 {
                    let command = try inbox.command("c-\(index)", offset: Int64(index))
                    group.addTask {
                        await inbox.attempt(command) { transaction in
                            try await transaction.effect("c-\(index)")
                            if index % 3 == 0 { throw CommandError.transient("NO") }
                            if index % 3 == 1 { try await transaction.query("SELECT 1 / 0") }
                        }.name
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.allSatisfy { $0 == "recorded" })
            #expect(try await inbox.effects().count == 20)
            #expect(
                try await inbox.database.count("SELECT count(*) FROM adjutant.commands WHERE state = 'retrying'") == 40)
        }
    }

    @Test("an earlier owner writes nothing any more")
    func fenced() async throws {
        try await Inbox.with { earlier in
            try await Inbox.with(earlier.database, worker: "w2") { later in
                #expect(later.epoch == earlier.epoch + 1)
                let command = try earlier.command("c")
                #expect(await earlier.attempt(command) { try await $0.effect("c", "zombie") }.name == "fenced by w2")
                #expect(await earlier.ledger.record(earlier.entry(command), in: nil).name == "fenced by w2")
                let mine = try later.command("c")
                #expect(await later.attempt(mine) { try await $0.effect("c", "owner") }.name == "recorded")
                // Late, the earlier one hears of the outcome, and its own is gone.
                #expect(await earlier.attempt(command) { try await $0.effect("c", "zombie") }.name == "repeated")
                #expect(try await later.effects() == ["c owner"])
            }
        }
    }

    @Test("a dead letter that is sent again may have another outcome, anything else may not")
    func replays() async throws {
        try await Inbox.with { inbox in
            let failure = AttemptFailure(failureClass: .permanent, code: "BROKEN", message: "broken")
            let first = try inbox.command("c")
            _ = await inbox.ledger.record(inbox.entry(first, .failed, failure: failure), in: nil)
            let again = try inbox.command("c", offset: 1, replays: 1)
            #expect(await inbox.ledger.look(first).name == "finished")
            #expect(await inbox.ledger.look(again).name == "fresh")
            #expect(await inbox.attempt(again) { try await $0.effect("c") }.name == "recorded")
            #expect(await inbox.ledger.look(again).name == "finished")
            #expect(await inbox.ledger.look(try inbox.command("c", offset: 2, replays: 9)).name == "finished")
            #expect(
                await inbox.attempt(try inbox.command("c", replays: 9)) { try await $0.effect("c") }.name == "repeated")
            #expect(try await inbox.effects() == ["c done"])
        }
    }

    @Test("cancelled before it ran, and cancelled while it waits for its next attempt")
    func cancelled() async throws {
        try await Inbox.with { inbox in
            let command = try inbox.command("c")
            let failure = AttemptFailure(failureClass: .transient, code: "BUSY", message: "later")
            _ = await inbox.ledger.record(inbox.entry(command, .retrying, failure: failure), in: nil)
            try await inbox.database.connection.query(
                "INSERT INTO adjutant.cancellations (domain, id, reason) VALUES ('test', 'c', 'no more'), ('test', 'd', NULL)"
            )
            #expect(await inbox.ledger.look(command).name == "cancelled")
            #expect(await inbox.ledger.look(try inbox.command("d")).name == "cancelled")
            _ = await inbox.ledger.record(inbox.entry(command, .cancelled, failure: failure), in: nil)
            #expect(await inbox.ledger.look(command).name == "finished")
        }
    }

    /// "é" in one character and in two, which a comparison of Swift's texts takes for equal.
    @Test("ids of different bytes are different commands, even when Unicode takes them for the same text")
    func equivalentIDs() async throws {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}")
        #expect(CommandKey(domain: "test", id: one) != CommandKey(domain: "test", id: two))
        #expect(CommandKey(domain: "test", id: one) == CommandKey(domain: "test", id: one))
        try await Inbox.with { inbox in
            let (first, second) = (try inbox.command(one), try inbox.command(two, offset: 1))
            #expect(await inbox.ledger.record(inbox.entry(first), in: nil).name == "recorded")
            let failure = AttemptFailure(failureClass: .transient, code: "BUSY", message: "later")
            let retry = inbox.entry(second, .retrying, failure: failure)
            #expect(await inbox.ledger.record(retry, in: nil).name == "recorded")
            // Many at once, so that both are asked for in one group.
            let findings = await withTaskGroup(of: (String, String).self) { group in
                for index in 0..<100 {
                    let command = index % 2 == 0 ? first : second
                    group.addTask { (command.envelope.id, await inbox.ledger.look(command).name) }
                }
                return await group.reduce(into: [(String, String)]()) { $0.append($1) }
            }
            for (id, finding) in findings {
                #expect(finding == (id.utf8.elementsEqual(one.utf8) ? "finished" : "begun 1 at 1"))
            }
        }
    }

    @Test("keys and attributes of any length and any bytes are no obstacle")
    func strangeTexts() async throws {
        try await Inbox.with { inbox in
            // Random, so that no compression makes it fit into an index.
            let long = (0..<3_500).map { _ in String(UInt8.random(in: 33...126), radix: 36) }.joined()
            let attributes = ["actor", "correlationid", "tenant", "batchid", "sagaid", "causationid"]
            let strange = try inbox.command("long", key: long, extra: attributes.map { ("ce_\($0)", long) })
            let odd = try inbox.command("\u{1F600}", key: "a\u{0}b", offset: 1)
            async let one = inbox.ledger.record(inbox.entry(strange), in: nil)
            async let two = inbox.ledger.record(inbox.entry(odd), in: nil)
            #expect(await [one.name, two.name] == ["recorded", "recorded"])
            #expect(
                await inbox.attempt(try inbox.command("long-2", key: long)) { try await $0.effect("x") }.name
                    == "recorded")
        }
    }
}
