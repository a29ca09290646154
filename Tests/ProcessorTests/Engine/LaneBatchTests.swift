import Commands
@testable import Processor
import Testing

/// What a thread does for several short commands together holds nobody up.
@Suite(.timeLimit(.minutes(10))) struct LaneBatchTests {
    private let blockade = Blockade()
    private let clock = ManualClock()

    private func harness(threads: Int = 1) throws -> Harness {
        let blockade = self.blockade
        return try Harness(clock: self.clock.clock, settings: .testing { $0.threads = threads }) { gate, command, _ in
            switch command.note {
            case "block": blockade.wait()
            case "suspend": await gate.pass("go")
            case "break": throw CommandError.permanent("BROKEN")
            default: break
            }
        }
    }

    /// Commands that come at once: four, a special one that finds some of them unsent, and ten that are in part taken.
    private func send(_ note: String, to harness: Harness) {
        for index in 0..<4 { harness.broker.send("c-\(index)", key: "c-\(index)") }
        harness.broker.send("s", key: "s", #"{"note":"\#(note)"}"#)
        for index in 0..<10 { harness.broker.send("d-\(index)", key: "d-\(index)") }
    }

    private func batch(_ running: RunningEngine) -> LaneBatch.Contents {
        var all = LaneBatch.Contents()
        for thread in running.engine.executor.threads {
            thread.batch.read {
                all.successes += $0.successes
                all.upcoming += $0.upcoming
            }
        }
        return all
    }

    /// Starts an engine and waits until a thread is blocked, and holds up others.
    private func startBlocked(_ harness: Harness) async -> RunningEngine {
        self.send("block", to: harness)
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("s") }
        let batch = self.batch(running)
        #expect(!batch.successes.isEmpty && !batch.upcoming.isEmpty)
        return running
    }

    @Test func whatABlockedThreadHoldsIsSentByTheIntake() async throws {
        let harness = try self.harness()
        let running = await self.startBlocked(harness)
        self.clock.advance(milliseconds: LaneBatch.patience / 1000)
        await harness.until("test.results", has: 4)
        await harness.untilCommitted(4)
        self.blockade.signal()
        await harness.until("test.results", has: 15)
        try await running.stop()
        await harness.expectEmpty(running)
        #expect(harness.journal.value.ids.count == 15)
        #expect(harness.broker.records("test.audit").count == 15)
    }

    @Test func whatABlockedThreadHasTakenIsRunByAnother() async throws {
        let harness = try self.harness(threads: 2)
        let running = await self.startBlocked(harness)
        self.clock.advance(milliseconds: LaneBatch.patience / 1000)
        await harness.until("test.results", has: 14)
        self.blockade.signal()
        await harness.until("test.results", has: 15)
        try await running.stop()
        await harness.expectEmpty(running)
        #expect(harness.journal.value.ids.count == 15)
    }

    @Test func aTaskThatSuspendsHoldsNothing() async throws {
        let harness = try self.harness()
        self.send("suspend", to: harness)
        let running = await harness.start()
        // Time stands still.
        await harness.until("test.results", has: 14)
        #expect(harness.journal.value.hasStarted("s"))
        harness.gate.open("go")
        await harness.until("test.results", has: 15)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    @Test func aFailureEndsIt() async throws {
        let harness = try self.harness()
        self.send("break", to: harness)
        let running = await harness.start()
        await harness.until("test.results", has: 14)
        try await running.stop()
        let events = harness.broker.records("test.audit").compactMap { $0.json["commandId"] as? String }
        // Two of them are of the failure itself.
        #expect(Set(events.prefix(6)) == ["c-0", "c-1", "c-2", "c-3", "s"])
        await harness.expectEmpty(running)
    }

    /// Whoever has the partition now settles what was not sent, and runs what was not begun; the thread comes to its batch
    /// by itself, or the intake does before.
    @Test(arguments: [true, false]) func whatIsLostMeanwhileIsNeitherSentNorRun(isOverdue: Bool) async throws {
        let harness = try self.harness()
        let running = await self.startBlocked(harness)
        let unsent = self.batch(running).successes.count
        running.source.post(.revoked(harness.inputs, lost: true))
        await harness.until(running) { $0.slots.isEmpty }
        if isOverdue {
            self.clock.advance(milliseconds: LaneBatch.patience / 1000)
            while !self.batch(running).isEmpty, !Task.isCancelled { await Task.yield() }
        }
        self.blockade.signal()
        await harness.until(running) { $0.ready.isEmpty && $0.running == 0 }
        try await running.stop()
        #expect(harness.broker.records("test.results").count == 4 - unsent)
        #expect(harness.journal.value.ids == ["c-0", "c-1", "c-2", "c-3", "s"])
        await harness.expectEmpty(running)
    }

    @Test(arguments: [1, 2, 3, 64]) func keysKeepTheirOrder(concurrency: Int) async throws {
        let settings = EngineSettings.testing { $0.concurrency = concurrency }
        let harness = try Harness(clock: self.clock.clock, settings: settings)
        for index in 0..<90 { harness.broker.send("c-\(index)", key: "k-\(index % 3)") }
        let running = await harness.start()
        await harness.until("test.results", has: 90)
        try await running.stop()
        for key in 0..<3 {
            let results = harness.broker.records("test.results").filter { $0.keyText == "k-\(key)" }
            let expected: [String] = (0..<30).map { "c-\($0 * 3 + key)" }
            #expect(results.map { $0.headerText("ce_subject") ?? "" } == expected)
        }
        #expect(harness.journal.value.overlaps == [])
        #expect(harness.journal.value.mostAtOnce <= concurrency)
        await harness.expectEmpty(running)
    }
}
