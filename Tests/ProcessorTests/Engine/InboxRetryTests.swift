import Commands
import Synchronization
import Testing

@testable import Processor

/// Retries of an engine with a ledger, when workers end, topics are made anew, or other workers take over.
@Suite(.timeLimit(.minutes(10))) struct InboxRetryTests {
    private static func kinds(_ broker: MemoryBroker) -> [String] {
        broker.records("test.audit").map { String($0.headerText("ce_type")!.split(separator: ".").last!) }
    }

    private static let abrupt = EngineSettings.testing { $0.grace = .zero }

    /// A worker that ends between the record of an attempt and whatever follows from it.
    ///
    /// - Parameter clock: Moved on, when the attempt waits for a time.
    private func crash(
        _ harness: Harness, atAttempt attempt: Int, moving clock: ManualClock? = nil
    ) async throws {
        let running = await harness.start()
        running.sink.hold { _ in true }
        harness.gate.open("\(attempt)")
        if let clock {
            await harness.advance(clock, running) { harness.ledger?.state.value.row("c-1")?.entry.attempt == attempt }
        }
        await harness.ledger?.state.until { $0.row("c-1")?.entry.attempt == attempt }
        running.cut()
        try await running.stop()
    }

    @Test func aRetryThatWasRecordedAndNotSentIsSentAndTheAttemptNotMadeAgain() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, settings: Self.abrupt, ledger: MemoryLedger()) {
            gate, _, context in
            await gate.pass("\(context.attempt)")
            throw CommandError.transient("BUSY", "later")
        }
        harness.broker.send("c-1")
        try await self.crash(harness, atAttempt: 1)
        let second = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        await harness.untilCommitted(1)
        try await second.stop()
        #expect(harness.journal.value.attempts("c-1") == [1])
        #expect(Self.kinds(harness.broker) == ["retried"])
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-attempt") == "1")
        #expect(retry.headerText("adjutant-error-code") == "BUSY")
        #expect(retry.headerText("adjutant-due") == "\(ManualClock.start / 1000 + 5000)")
    }

    /// Meanwhile the policy allows no further attempt. The database undoes the record of that end: it is found again, and
    /// no attempt is made.
    @Test func anEndThatTheLedgerToldOfIsFoundAgainWhenItIsUndone() async throws {
        let clock = ManualClock()
        let harness = try Harness(
            retry: .fixed(.seconds(5), attempts: 3), clock: clock.clock, settings: Self.abrupt, ledger: MemoryLedger()
        ) { gate, _, context in
            await gate.pass("\(context.attempt)")
            throw CommandError.transient("BUSY", "later")
        }
        harness.broker.send("c-1")
        try await self.crash(harness, atAttempt: 1)
        harness.ledger?.state.update { state in
            let entry = state.row("c-1")!.entry
            state.rows[MemoryLedger.Name("c-1")]?.entry = entry.counting(atLeast: 3)
            state.answers = [.undone(reason: "deadlock")]
        }
        let second = await harness.start()
        await harness.advance(clock, by: 10, second) { harness.broker.state.read { $0.count("test.dlt") } == 1 }
        try await second.stop()
        #expect(harness.journal.value.attempts("c-1") == [1])
        #expect(harness.broker.records("test.failures").map { $0.headerText("adjutant-attempt") } == ["3"])
    }

    /// Whether retries wait in place or in topics, and whenever a worker ends.
    @Test(arguments: [RetryPolicy.fixed(.seconds(5), .seconds(60)), .fixed(.milliseconds(100))])
    func noCommandIsTriedMoreOftenThanThePolicySays(retry: RetryPolicy) async throws {
        let clock = ManualClock()
        let harness = try Harness(
            retry: retry, clock: clock.clock, settings: Self.abrupt, ledger: MemoryLedger()
        ) { gate, _, context in
            await gate.pass("\(context.attempt)")
            throw CommandError.transient("BUSY", "later")
        }
        harness.broker.send("c-1")
        for attempt in 1...retry.attempts {
            try await self.crash(harness, atAttempt: attempt, moving: clock)
            // One that sends what was recorded, and ends too.
            let sender = await harness.start()
            if attempt == retry.attempts {
                await harness.until("test.failures", has: 1)
                await harness.until("test.dlt", has: 1)
            } else {
                await harness.until("test.audit", has: attempt)
            }
            try await sender.stop()
            clock.advance(milliseconds: 61_000)
        }
        #expect(harness.journal.value.attempts("c-1") == Array(1...retry.attempts))
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.json["attempts"] as? Int == retry.attempts)
        #expect(failure.json["class"] as? String == "exhausted")
    }

    /// The policy allows fewer attempts than before: the command ends with its last failure.
    @Test func aRecordedRetryThatThePolicyAllowsNoMoreIsTheEnd() async throws {
        let ledger = MemoryLedger()
        let clock = ManualClock()
        let before = try Harness(clock: clock.clock, settings: Self.abrupt, ledger: ledger) { gate, _, context in
            await gate.pass("\(context.attempt)")
            throw CommandError.transient("BUSY", "later")
        }
        before.broker.send("c-1")
        try await self.crash(before, atAttempt: 1)
        let after = try Harness(broker: before.broker, retry: .never, clock: clock.clock, ledger: ledger)
        let second = await after.start()
        await after.until("test.dlt", has: 1)
        try await second.stop()
        #expect(after.journal.value.starts.isEmpty)
        #expect(ledger.state.value.row("c-1")?.outcome?.failure?.failureClass == .exhausted)
        #expect(ledger.state.value.row("c-1")?.outcome?.failure?.code == "BUSY")
    }

    /// What an outage made void is not counted in the ledger either, where the next worker looks.
    @Test func attemptsOfAnOutageAreNotCounted() async throws {
        let isDown = Watched(true)
        let clock = ManualClock()
        let harness = try Harness(
            limits: CommandLimits(outageAfter: 1, outageProbe: .seconds(1)), clock: clock.clock, ledger: MemoryLedger()
        ) { _, _, _ in
            if isDown.value { throw CommandError.transient("DOWN") }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        for start in 1...4 {
            await harness.journal.until { $0.starts.count == start }
            await harness.until(running) { $0.parked == 1 && $0.running == 0 }
            // The attempt that began it counts, the probes do not.
            #expect(harness.ledger?.state.value.row("c-1")?.entry.attempt == 1)
            if start == 4 { isDown.update { $0 = false } }
            clock.advance(milliseconds: 60_000)
        }
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2, 2, 2, 2])
        #expect(harness.ledger?.state.value.row("c-1")?.outcome?.attempts == 2)
    }

    // MARK: - Records that are gone

    /// A failed command whose retry record was lost with its topic; the same command comes by another record.
    private func recreated(
        _ clock: ManualClock, offsetBefore: Int, offsetAfter: Int
    ) async throws -> (harness: Harness, running: RunningEngine) {
        let ledger = MemoryLedger()
        let before = try Harness(clock: clock.clock, ledger: ledger) { _, command, _ in
            if command.amount == 1 { throw CommandError.transient("BUSY", "later") }
        }
        for index in 0..<offsetBefore { before.broker.send("x-\(index)") }
        before.broker.send("c-1", #"{"amount":1}"#)
        let first = await before.start()
        await before.until("test.retry.5s", has: 1)
        try await first.stop()
        let after = try Harness(clock: clock.clock, ledger: ledger)
        for index in 0..<offsetAfter { after.broker.send("y-\(index)") }
        after.broker.send("c-1")
        return (after, await after.start())
    }

    @Test func anEarlierOffsetTellsThatTheTopicIsNew() async throws {
        let (harness, running) = try await self.recreated(ManualClock(), offsetBefore: 1, offsetAfter: 0)
        let clock = harness.clock
        // Its next attempt is due when it was due.
        await harness.until("test.retry.5s", has: 1)
        try await running.stop()
        #expect(harness.journal.value.starts.isEmpty)
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-origin") == "test.commands/0/0")
        #expect(retry.headerText("adjutant-due") == "\(clock.wall() / 1000 + 5000)")
    }

    @Test func aRetryThatDoesNotComeIsReplacedInTheEnd() async throws {
        let clock = ManualClock()
        let (harness, running) = try await self.recreated(clock, offsetBefore: 0, offsetAfter: 1)
        // For all that is known, the retry is still to come.
        await harness.until("test.audit", has: 2)
        #expect(Self.kinds(harness.broker) == ["succeeded", "duplicate"])
        clock.advance(milliseconds: 11 * 60_000)
        harness.broker.send("c-1")
        // Due long ago; the attempt that was made counts.
        await harness.until("test.audit", has: 3)
        await harness.advance(clock, running) { harness.broker.records("test.audit").count >= 4 }
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [2])
        #expect(Self.kinds(harness.broker) == ["succeeded", "duplicate", "retried", "succeeded"])
        #expect(harness.broker.committed("test.commands")?.offset == 3)
    }

    /// The record that was believed to be gone comes after all.
    @Test func aRecordWhosePlaceWasTakenIsARepeat() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger()) { _, command, context in
            if context.attempt < 3 { throw CommandError.transient("BUSY", "later") }
        }
        harness.broker.send("c-1")
        // Nobody reads the retry topic for a while.
        let first = await harness.start([TopicPartition("test.commands", 0)])
        await harness.until("test.retry.5s", has: 1)
        clock.advance(milliseconds: 11 * 60_000)
        harness.broker.send("c-1")
        await harness.until("test.audit", has: 2)
        await harness.advance(clock, first) { !harness.broker.records("test.retry.1m").isEmpty }
        try await first.stop()
        let second = await harness.start()
        await harness.until("test.audit", has: 4)
        await harness.until(second) { $0.waitingForTime == 1 }
        clock.advance(milliseconds: 60_000)
        await harness.until("test.results", has: 1)
        await harness.until("test.audit", has: 5)
        try await second.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2, 3])
        #expect(Self.kinds(harness.broker) == ["retried", "retried", "retried", "duplicate", "succeeded"])
    }

    // MARK: - Another owner

    @Test func aWorkerThatIsShutOutAndKeepsItsPartitionsEnds() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger())
        let running = await harness.start()
        _ = harness.ledger?.own(harness.inputs)
        harness.broker.send("c-1")
        await harness.ledger?.state.until { $0.fenced == 1 }
        await harness.until(running) { $0.slots.values.contains { $0.fencedAt != nil } }
        // Nothing of the partition is run any more.
        harness.broker.send("c-2")
        await harness.turns(running)
        #expect(running.engine.counters.fenced.load(ordering: .relaxed) == 1)
        clock.advance(milliseconds: 29_999)
        await harness.turns(running)
        #expect(running.engine.control.withLock { $0.failure == nil })
        clock.advance(milliseconds: 1)
        let failure = await #expect(throws: SourceFailure.self) { try await running.ended() }
        #expect(failure?.isFatal == true)
        #expect(failure?.message.contains("test.commands") == true)
        #expect(harness.journal.value.ids == ["c-1"])
        #expect((harness.broker.committed("test.commands")?.offset ?? 0) == 0)
        // Started anew it owns them, and goes on.
        let next = await harness.start()
        await harness.until("test.results", has: 2)
        try await next.stop()
        #expect(harness.journal.value.ids == ["c-1", "c-1", "c-2"])
    }

    @Test func aWorkerThatIsShutOutGoesOnWhenTheGroupHasMovedItsPartitions() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, ledger: MemoryLedger())
        let running = await harness.start()
        _ = harness.ledger?.own(harness.inputs)
        harness.broker.send("c-1")
        await harness.until(running) { $0.slots.values.contains { $0.fencedAt != nil } }
        running.source.post(.revoked(harness.inputs, lost: true))
        await running.source.log.until { $0.released.count == harness.inputs.count }
        running.source.post(.assigned(harness.inputs))
        await harness.until("test.results", has: 1)
        clock.advance(milliseconds: 60_000)
        await harness.turns(running)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-1", "c-1"])
        #expect(harness.broker.records("test.results").count == 1)
    }
}
