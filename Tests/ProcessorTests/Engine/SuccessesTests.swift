import Commands
@testable import Processor
import Testing

/// Successes of short handlers are sent together; nobody waits for long because of it.
@Suite(.timeLimit(.minutes(10))) struct SuccessesTests {
    private let blockade = Blockade()
    private let clock = ManualClock()

    /// One thread, and commands of which the last one holds it up; all of them come at once.
    private func harness() throws -> Harness {
        let blockade = self.blockade
        let settings = EngineSettings.testing { $0.threads = 1 }
        let harness = try Harness(clock: self.clock.clock, settings: settings) { gate, command, _ in
            switch command.note {
            case "block": blockade.wait()
            case "suspend": await gate.pass("go")
            case "break": throw CommandError.permanent("BROKEN")
            default: break
            }
        }
        return harness
    }

    private func waiting(_ running: RunningEngine) -> Int {
        running.engine.executor.threads.map(\.successes.count).reduce(0, +)
    }

    /// Starts an engine whose thread is blocked while successes wait.
    private func startBlocked(_ harness: Harness) async -> RunningEngine {
        for index in 0..<4 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        harness.broker.send("b", key: "b", #"{"note":"block"}"#)
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("b") }
        #expect(self.waiting(running) > 0)
        return running
    }

    @Test func aHandlerThatBlocksTheThreadHoldsThemUpForAMomentOnly() async throws {
        let harness = try self.harness()
        let running = await self.startBlocked(harness)
        self.clock.advance(milliseconds: Successes.patience / 1000)
        await harness.until("test.results", has: 4)
        await harness.untilCommitted(4)
        self.blockade.signal()
        await harness.until("test.results", has: 5)
        try await running.stop()
        await harness.expectEmpty(running)
        #expect(harness.broker.records("test.audit").count == 5)
    }

    @Test func theyAreSentWhenATaskSuspends() async throws {
        let harness = try self.harness()
        for index in 0..<4 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        harness.broker.send("s", key: "s", #"{"note":"suspend"}"#)
        let running = await harness.start()
        // Time stands still.
        await harness.until("test.results", has: 4)
        await harness.journal.until { $0.hasStarted("s") }
        harness.gate.open("go")
        await harness.until("test.results", has: 5)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    /// Failures come one after another without a pause, and nobody takes long.
    @Test func theyDoNotWaitBehindMoreThanOneFailure() async throws {
        let harness = try self.harness()
        for index in 0..<3 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        for index in 0..<20 { harness.broker.send("f-\(index)", key: "f-\(index)", #"{"note":"break"}"#) }
        let running = await harness.start()
        await harness.until("test.failures", has: 20)
        try await running.stop()
        let events = harness.broker.records("test.audit").compactMap { $0.json["commandId"] as? String }
        #expect(Set(events.prefix(6)).isSuperset(of: ["c-0", "c-1", "c-2"]))
        await harness.expectEmpty(running)
    }

    /// Whoever has the partition now settles them.
    @Test func whatIsLostMeanwhileIsNotSent() async throws {
        let harness = try self.harness()
        let running = await self.startBlocked(harness)
        let waiting = self.waiting(running)
        running.source.post(.revoked(harness.inputs, lost: true))
        await harness.until(running) { $0.slots.isEmpty }
        self.clock.advance(milliseconds: Successes.patience / 1000)
        while self.waiting(running) > 0, !Task.isCancelled { await Task.yield() }
        self.blockade.signal()
        try await running.stop()
        #expect(harness.broker.records("test.results").count == 4 - waiting)
        await harness.expectEmpty(running)
    }

    @Test func oneKeysCommandsWaitForEachOthersSuccess() async throws {
        let harness = try self.harness()
        for index in 0..<30 { harness.broker.send("c-\(index)", key: "k-\(index % 2)") }
        let running = await harness.start()
        await harness.until("test.results", has: 30)
        try await running.stop()
        for key in 0..<2 {
            let results = harness.broker.records("test.results").filter { $0.keyText == "k-\(key)" }
            let expected: [String] = (0..<15).map { "c-\($0 * 2 + key)" }
            #expect(results.map { $0.headerText("ce_subject") ?? "" } == expected)
        }
        #expect(harness.journal.value.overlaps == [])
        await harness.expectEmpty(running)
    }
}
