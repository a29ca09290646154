import Commands
import PostgresClient
import Processor
import Testing

@testable import Ledger

/// Commands that somebody finished by hand.
@Suite(.timeLimit(.minutes(10))) struct ResolutionTests {
    private static let failure = AttemptFailure(failureClass: .permanent, code: "BROKEN", message: "it broke")

    private func resolution(_ id: String, _ output: String, replays: Int = 0) -> HistoryStore.Resolution {
        var resolution = HistoryStore.Resolution(
            domain: "test", id: id, type: "test.run", output: Array(output.utf8), actor: "ann", reason: "by hand",
            receivedAt: 1_767_225_600_000_000, finishedAt: 1_767_225_601_000_000)
        resolution.attempts = 3
        resolution.replays = replays
        return resolution
    }

    private func output(_ finding: LedgerFinding) -> String? {
        guard case .finished(let outcome) = finding, outcome.failure == nil else { return nil }
        return String(decoding: outcome.output, as: UTF8.self)
    }

    @Test("A repeat of a resolved command is answered with the result; its letter, replayed after all, runs")
    func resolved() async throws {
        try await Inbox.with { inbox in
            let store = HistoryStore(inbox.database.connection)
            let command = try inbox.command("c")
            _ = await inbox.ledger.record(inbox.entry(command, .failed, attempt: 2, failure: Self.failure), in: nil)
            // Twice: what stopped half-way is done again.
            for _ in 1...2 { try await store.resolve(self.resolution("c", #"{"done":true}"#)) }
            #expect(self.output(await inbox.ledger.look(command)) == #"{"done":true}"#)
            #expect(try await inbox.state("c") == "succeeded 2")
            let found = try #require(try await store.find("c", domain: "test").first)
            #expect(found.record.failureClass == nil && found.record.code == nil && found.record.message == nil)
            #expect(found.events.map(\.event) == ["deadlettered", "resolved"])
            #expect(found.events.last?.message == "by ann: by hand")

            let replay = try inbox.command("c", offset: 9, replays: 1)
            #expect(await inbox.ledger.look(replay).name == "fresh")
            #expect(await inbox.ledger.record(inbox.entry(replay, output: "1"), in: nil).name == "recorded")
            #expect(self.output(await inbox.ledger.look(command)) == "1")
        }
    }

    @Test("An outcome that was no dead letter stands")
    func stands() async throws {
        try await Inbox.with { inbox in
            let store = HistoryStore(inbox.database.connection)
            let good = try inbox.command("good")
            _ = await inbox.ledger.record(inbox.entry(good, output: "1"), in: nil)
            let bad = try inbox.command("bad", offset: 1)
            let rejection = AttemptFailure(failureClass: .rejected, code: "NO", message: "")
            _ = await inbox.ledger.record(inbox.entry(bad, .failed, failure: rejection), in: nil)
            for id in ["good", "bad"] {
                let error = await #expect(throws: LedgerError.self) {
                    try await store.resolve(self.resolution(id, "2"))
                }
                #expect(error?.kind == .conflict)
            }
            #expect(self.output(await inbox.ledger.look(good)) == "1")
            #expect(try await inbox.state("bad") == "failed 1")
            #expect(
                try await inbox.database.count("SELECT count(*) FROM adjutant.events WHERE event = 'resolved'") == 0)
        }
    }

    @Test("A command that the database does not know is known from then on; another result goes over the first")
    func unknown() async throws {
        try await Inbox.with { inbox in
            let store = HistoryStore(inbox.database.connection)
            try await store.resolve(self.resolution("c", "1", replays: 2))
            try await store.resolve(self.resolution("c", "2"))
            let command = try inbox.command("c", replays: 2)
            #expect(self.output(await inbox.ledger.look(command)) == "2")
            #expect(try await inbox.state("c") == "succeeded 3")
            #expect(await inbox.ledger.look(try inbox.command("c", replays: 3)).name == "fresh")
        }
    }

    @Test("A worker that is at the command hears of the outcome, and its own is gone")
    func meanwhile() async throws {
        try await Inbox.with { inbox in
            let command = try inbox.command("c")
            let retry = inbox.entry(
                command, .retrying, failure: AttemptFailure(failureClass: .transient, code: "T", message: ""))
            _ = await inbox.ledger.record(retry, in: nil)
            try await HistoryStore(inbox.database.connection).resolve(self.resolution("c", "1"))
            #expect(await inbox.attempt(command) { try await $0.effect("c") }.name == "repeated")
            #expect(try await inbox.effects().isEmpty)
        }
    }
}
