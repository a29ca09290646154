import Commands
import Testing

@testable import Processor

/// Records that hold no readable command, where there is a ledger.
@Suite(.timeLimit(.minutes(10))) struct InboxPoisonTests {
    private func sendPoison(_ broker: MemoryBroker, _ id: String, key: String = "k") {
        broker.append(
            "test.commands", key: Array(key.utf8), value: nil,
            headers: [("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"), ("ce_type", "test.run")].map {
                ($0.0, Array($0.1.utf8))
            })
    }

    /// Whoever counts a batch's commands waits for all of them.
    @Test func itIsRecordedWhenItsIDIsReadable() async throws {
        let harness = try Harness(ledger: MemoryLedger())
        self.sendPoison(harness.broker, "p-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        try await running.stop()
        let row = try #require(harness.ledger?.state.value.row("p-1"))
        #expect(row.outcome?.failure?.failureClass == .poison)
        #expect(row.outcome?.failure?.code == "TOMBSTONE")
        #expect(row.outcome?.attempts == 0)
        #expect(harness.broker.records("test.dlt").count == 1)
    }

    @Test func anotherCommandsIDChangesNothingThere() async throws {
        let harness = try Harness(ledger: MemoryLedger())
        harness.broker.send("c-1", key: "k")
        self.sendPoison(harness.broker, "c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.ledger?.state.value.row("c-1")?.outcome?.failure == nil)
        #expect(harness.broker.records("test.results").count == 1)
        let dead = try #require(harness.broker.records("test.dlt").first)
        #expect(dead.headerText("adjutant-error-code") == "TOMBSTONE")
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }

    @Test func whatTheDatabaseUndidIsStillPoison() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger())
        harness.ledger?.state.update { $0.answers = [.undone(reason: "away")] }
        self.sendPoison(harness.broker, "p-1")
        let running = await harness.start()
        await harness.until(running) { $0.waitingForTime == 1 }
        clock.advance(milliseconds: 1000)
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(harness.journal.value.ids.isEmpty)
        #expect(harness.ledger?.state.value.row("p-1")?.outcome?.failure?.failureClass == .poison)
        #expect(harness.broker.records("test.dlt").count == 1)
    }
}
