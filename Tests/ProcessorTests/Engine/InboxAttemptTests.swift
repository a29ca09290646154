import Commands
import Testing

@testable import Processor

/// Attempts of an engine with a ledger: which of them count, and which commands run again.
@Suite(.timeLimit(.minutes(10))) struct InboxAttemptTests {
    private static func kinds(_ broker: MemoryBroker) -> [String] {
        broker.records("test.audit").map { String($0.headerText("ce_type")!.split(separator: ".").last!) }
    }

    @Test func anAttemptThatTheDatabaseUndidDoesNotCount() async throws {
        let ledger = MemoryLedger()
        ledger.state.update { $0.answers = Array(repeating: .undone(reason: "deadlock"), count: 5) }
        let harness = try Harness(retry: .fixed(.seconds(5)), ledger: ledger)
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 1, 1, 1, 1, 1])
        #expect(Self.kinds(harness.broker) == ["succeeded"])
        #expect(harness.broker.records("test.results").map { $0.headerText("adjutant-attempt") } == ["1"])
        #expect(harness.broker.records("test.retry.5s").isEmpty)
    }

    /// What was undone is the record of its end: there was no attempt to take back, and it does not become due again.
    @Test func anExpiredCommandStaysExpiredWhenTheDatabaseUndoesItsEnd() async throws {
        let ledger = MemoryLedger()
        ledger.state.update { $0.answers = Array(repeating: .undone(reason: "deadlock"), count: 2) }
        let harness = try Harness(ledger: ledger)
        harness.broker.send("c-1", extra: [("ce_expirytime", "2020-01-01T00:00:00Z")])
        let running = await harness.start()
        await harness.until("test.failures", has: 1)
        try await running.stop()
        #expect(harness.journal.value.starts.isEmpty)
        #expect(Self.kinds(harness.broker) == ["expired"])
    }

    /// The database is away for longer than the command has to live.
    @Test func aCommandThatExpiresWhileItIsLookedUpDoesNotRun() async throws {
        let clock = ManualClock()
        let ledger = MemoryLedger()
        ledger.answersLooks.update { $0 = false }
        let harness = try Harness(clock: clock.clock, ledger: ledger)
        harness.broker.send("c-1", extra: [("ce_expirytime", "2026-01-01T00:00:10Z")])
        let running = await harness.start()
        await ledger.state.until { $0.looks == ["c-1"] }
        clock.advance(milliseconds: 20_000)
        ledger.answersLooks.update { $0 = true }
        await harness.until("test.failures", has: 1)
        try await running.stop()
        #expect(harness.journal.value.starts.isEmpty)
        #expect(Self.kinds(harness.broker) == ["expired"])
    }

    /// Its worker stops: the command goes back untouched, since no attempt of it counts.
    @Test func anUndoneCommandIsLeftToTheNextOwnerOnAStop() async throws {
        let ledger = MemoryLedger()
        ledger.state.update { $0.answers = [.undone(reason: "deadlock")] }
        let harness = try Harness(clock: ManualClock().clock, ledger: ledger)
        harness.broker.send("c-1")
        let first = await harness.start()
        await harness.until(first) { $0.waitingForTime == 1 }
        try await first.stop()
        #expect(harness.broker.records("test.retry.5s").isEmpty)
        #expect(harness.broker.records("test.audit").isEmpty)
        let second = await harness.start()
        await harness.until("test.audit", has: 1)
        try await second.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 1])
    }

    @Test func anAttemptThatTheDatabaseRefusesCounts() async throws {
        let clock = ManualClock()
        let ledger = MemoryLedger()
        let failure = AttemptFailure(failureClass: .transient, code: "TRANSACTION_LEFT_OPEN", message: "left open")
        ledger.state.update { $0.answers = [.refused(failure)] }
        let harness = try Harness(clock: clock.clock, ledger: ledger)
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-error-code") == "TRANSACTION_LEFT_OPEN")
        #expect(retry.headerText("adjutant-attempt") == "1")
        clock.advance(milliseconds: 5000)
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
        #expect(ledger.state.value.asked.map(\.state) == [.succeeded, .retrying, .succeeded])
    }

    @Test func aRepeatOfWhatIsUnderWayIsLeftToItsRetry() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger()) { _, _, context in
            if context.attempt == 1 { throw CommandError.transient("BUSY", "later") }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        harness.broker.send("c-1")
        await harness.until("test.audit", has: 2)
        #expect(Self.kinds(harness.broker) == ["retried", "duplicate"])
        #expect(harness.broker.records("test.results").isEmpty)
        clock.advance(milliseconds: 5000)
        await harness.until("test.results", has: 1)
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }

    @Test func aCancelledCommandIsNotRun() async throws {
        let ledger = MemoryLedger()
        ledger.state.update { $0.cancelled = ["c-1": "the customer changed their mind"] }
        let harness = try Harness(ledger: ledger)
        harness.broker.send("c-1")
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(harness.journal.value.starts.isEmpty)
        #expect(Self.kinds(harness.broker) == ["cancelled", "duplicate"])
        let failures = harness.broker.records("test.failures")
        #expect(failures.map { $0.json["class"] as? String } == ["cancelled", "cancelled"])
        #expect(failures.first?.json["message"] as? String == "the customer changed their mind")
        #expect(harness.broker.records("test.dlt").isEmpty)
        #expect(ledger.state.value.row("c-1")?.entry.state == .cancelled)
    }

    @Test func aDeadLetterThatIsSentAgainRunsOnceMore() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger()) { _, command, _ in
            if command.amount == 1 { throw CommandError.permanent("BROKEN", "not yet mended") }
        }
        harness.broker.send("c-1", #"{"amount":1}"#)
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        // Mended, and sent as a replay; then the same replay by another record, and the command as it was at first.
        harness.broker.send("c-1", extra: [("adjutant-replays", "1")])
        await harness.until("test.audit", has: 3)
        harness.broker.send("c-1", extra: [("adjutant-replays", "1")])
        harness.broker.send("c-1", #"{"amount":1}"#)
        await harness.until("test.audit", has: 5)
        // Only a dead letter can be replayed.
        harness.broker.send("c-1", extra: [("adjutant-replays", "2")])
        await harness.until("test.audit", has: 6)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-1", "c-1"])
        #expect(
            Self.kinds(harness.broker)
                == ["failed", "deadlettered", "succeeded", "duplicate", "duplicate", "duplicate"])
        #expect(harness.broker.records("test.results").count == 4)
        #expect(harness.broker.records("test.failures").count == 1)
    }

    /// Cancelled while it waits for its time: what ended it came after what put it off.
    @Test func cancelledWhileItWaits() async throws {
        let clock = ManualClock()
        let ledger = MemoryLedger()
        let harness = try Harness(clock: clock.clock, ledger: ledger)
        harness.broker.send("c-1", extra: [("ce_notbefore", "2026-01-01T00:00:02Z")])
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        await harness.until(running) { $0.waitingForTime == 1 }
        ledger.state.update { $0.cancelled = ["c-1": "no"] }
        clock.advance(milliseconds: 2000)
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(Self.kinds(harness.broker) == ["scheduled", "cancelled"])
        let data = try #require(harness.broker.records("test.audit").last?.json)
        #expect(data["startedAt"] as? String == "2026-01-01T00:00:02.000000Z")
        #expect(data["finishedAt"] as? String == "2026-01-01T00:00:02.000000Z")
        #expect(harness.journal.value.ids == [])
    }

    /// A handler that hangs past its timeout and ignores its cancellation: what it writes later belongs to nobody.
    @Test func anAbandonedAttemptLetsGoOfItsTransaction() async throws {
        let clock = ManualClock()
        let ledger = MemoryLedger()
        let settings = EngineSettings.testing { $0.cancellationGrace = .seconds(2) }
        let harness = try Harness(
            retry: .never, timeout: .seconds(3), clock: clock.clock, settings: settings, ledger: ledger
        ) { gate, _, context in
            try await context.transaction { try await $0.query("INSERT", [.text("too late")]) }
            await gate.pass("stuck")
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-1") }
        clock.advance(milliseconds: 3000)
        await harness.turns(running)
        clock.advance(milliseconds: 2000)
        await harness.until("test.failures", has: 1)
        await harness.untilCommitted(1)
        harness.gate.open("stuck")
        await ledger.state.until { $0.abandoned == ["c-1"] }
        try await running.stop()
        #expect(ledger.state.value.written == [])
        #expect(ledger.state.value.row("c-1")?.entry.failure?.code == "TIMEOUT")
        #expect(harness.broker.records("test.results").isEmpty)
    }

    @Test func whatIsNoReadableCommandIsNotLookedUp() async throws {
        let harness = try Harness(ledger: MemoryLedger())
        harness.broker.append("test.commands", key: nil, value: [1], headers: [])
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.ledger?.state.value.looks == ["c-1"])
        #expect(harness.broker.records("test.dlt").count == 1)
    }
}
