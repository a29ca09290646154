import Commands
import Processor
import Testing

/// Handlers that take too long.
@Suite(.timeLimit(.minutes(10))) struct TimeoutTests {
    @Test func aTimeoutCancelsTheHandlerAndCountsAsTransient() async throws {
        let clock = ManualClock()
        let harness = try Harness(timeout: .seconds(3), clock: clock.clock) { gate, _, context in
            if context.attempt == 1 { try await gate.passOrCancel("never") }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-1") }
        clock.advance(milliseconds: 2900)
        await harness.turns(running)
        #expect(harness.journal.value.ends.isEmpty)
        clock.advance(milliseconds: 200)
        await harness.until("test.retry.5s", has: 1)
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-error-code") == "TIMEOUT")
        clock.advance(milliseconds: 5000)
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
    }

    /// The place that was cancelled must not hand its cancellation on.
    @Test func theNextHandlersAreNotCancelled() async throws {
        let clock = ManualClock()
        let settings = EngineSettings.testing { $0.concurrency = 1 }
        let harness = try Harness(
            retry: .never, timeout: .seconds(3), clock: clock.clock, settings: settings
        ) { gate, command, _ in
            if command.amount == 1 { try await gate.passOrCancel("never") }
            try Task.checkCancellation()
        }
        for index in 0..<30 {
            harness.broker.send("c-\(index)", key: "k-\(index)", #"{"amount":\#(index == 0 ? 1 : 0)}"#)
        }
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-0") }
        clock.advance(milliseconds: 3100)
        await harness.until("test.results", has: 29)
        await harness.until("test.dlt", has: 1)
        try await running.stop()
        #expect(harness.broker.records("test.failures").count == 1)
    }

    @Test func aHandlerThatIgnoresItsCancellationIsLeftBehind() async throws {
        let clock = ManualClock()
        let settings = EngineSettings.testing {
            $0.concurrency = 1
            $0.cancellationGrace = .seconds(2)
        }
        let harness = try Harness(
            retry: .never, timeout: .seconds(3), clock: clock.clock, settings: settings
        ) { gate, command, _ in
            if command.amount == 1 { await gate.pass("stuck") }
        }
        harness.broker.send("stuck", key: "a", #"{"amount":1}"#)
        harness.broker.send("same-key", key: "a")
        harness.broker.send("other", key: "b")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("stuck") }
        clock.advance(milliseconds: 3000)
        await harness.turns(running)
        #expect(harness.journal.value.ids == ["stuck"])
        clock.advance(milliseconds: 2000)
        // With one place only, both need the one that hangs to be replaced.
        await harness.until("test.results", has: 2)
        await harness.untilCommitted(3)
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.json["code"] as? String == "TIMEOUT")
        harness.gate.open("stuck")
        await harness.journal.until { $0.ends.contains("stuck") }
        harness.broker.send("after", key: "a")
        await harness.until("test.results", has: 3)
        try await running.stop()
        // The late success is nobody's.
        #expect(
            harness.broker.records("test.results").compactMap { $0.headerText("ce_subject") }.sorted() == [
                "after", "other", "same-key",
            ])
        #expect(harness.broker.records("test.failures").count == 1)
        #expect(harness.broker.committed("test.commands")?.offset == 4)
    }

    @Test func aHandlerThatBlocksItsThreadDoesNotStopTheIntake() async throws {
        let harness = try Harness(settings: .testing { $0.threads = 1 }) { gate, _, _ in
            let semaphore = Blockade()
            Task.detached {
                await gate.pass("blocked")
                semaphore.signal()
            }
            semaphore.wait()
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-1") }
        let polls = running.source.log.read { $0.polls }
        for index in 0..<300 { harness.broker.send("d-\(index)", key: "d-\(index)") }
        await running.source.log.until { $0.polls > polls + 5 && $0.delivered >= 301 }
        harness.gate.open("blocked")
        await harness.until("test.results", has: 301)
        try await running.stop()
    }

    @Test func anEndlessTimeoutIsNoCrash() async throws {
        let harness = try Harness(timeout: .seconds(Int64.max))
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        try await running.stop()
    }
}
