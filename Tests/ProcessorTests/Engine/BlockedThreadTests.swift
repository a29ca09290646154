import Commands
import Processor
import Synchronization
import Testing

/// Handlers that block their threads instead of suspending.
@Suite(.timeLimit(.minutes(10))) struct BlockedThreadTests {
    private let blockade = Blockade()

    private func harness(clock: ManualClock, spares: Int = 8) throws -> Harness {
        let settings = EngineSettings.testing {
            $0.threads = 2
            $0.spareThreads = spares
            $0.cancellationGrace = .seconds(1)
            $0.blockedAfter = .seconds(1)
        }
        let blockade = self.blockade
        return try Harness(retry: .never, timeout: .seconds(10), clock: clock.clock, settings: settings) {
            _, command, _ in
            if command.note == "block" { blockade.wait() }
        }
    }

    private func block(_ harness: Harness, _ ids: Range<Int>, _ clock: ManualClock, _ running: RunningEngine) async {
        for id in ids { harness.broker.send("b-\(id)", key: "b-\(id)", #"{"note":"block"}"#) }
        // The second thread is woken only when the first one needs long.
        while !ids.allSatisfy({ harness.journal.value.hasStarted("b-\($0)") }), !Task.isCancelled {
            await self.pass(3, clock, running)
        }
    }

    /// The watchdog must have seen the threads at their job before time goes by.
    private func pass(_ milliseconds: Int64, _ clock: ManualClock, _ running: RunningEngine) async {
        for part in milliseconds < 21 ? [milliseconds] : [21, milliseconds, 21] {
            clock.advance(milliseconds: part)
            let polls = running.source.log.read { $0.polls }
            await running.source.log.until { $0.polls > polls + 2 }
        }
    }

    private func untilBlocked(_ count: Int, _ running: RunningEngine) async {
        while running.engine.gauges().blockedThreads != count, !Task.isCancelled { await Task.yield() }
    }

    /// Ends what still blocks, so that no thread outlives the test.
    private func unblock(_ count: Int) { for _ in 0..<count { self.blockade.signal() } }

    @Test func otherKeysGoOn() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock: clock)
        let running = await harness.start()
        await self.block(harness, 0..<2, clock, running)
        for index in 0..<20 { harness.broker.send("c-\(index)", key: "k-\(index % 3)") }
        await self.pass(1100, clock, running)
        await harness.until("test.results", has: 20)
        await self.untilBlocked(2, running)
        // More of them: each is replaced in its turn.
        await self.block(harness, 2..<4, clock, running)
        harness.broker.send("d", key: "d")
        await self.pass(1100, clock, running)
        await harness.until("test.results", has: 21)
        await self.untilBlocked(4, running)
        self.unblock(4)
        await harness.until("test.results", has: 25)
        await self.untilBlocked(0, running)
        try await running.stop()
        #expect(running.engine.counters.blockedThreads.load(ordering: .relaxed) == 4)
        #expect(harness.journal.value.overlaps == [])
    }

    @Test func theirTimeoutsEnd() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock: clock, spares: 0)
        let running = await harness.start()
        await self.block(harness, 0..<2, clock, running)
        await self.pass(10_001, clock, running)
        await self.pass(1001, clock, running)
        // Though no thread is free to run anything.
        await harness.until("test.failures", has: 2)
        await harness.untilCommitted(2)
        #expect(harness.broker.records("test.failures").allSatisfy { $0.json["code"] as? String == "TIMEOUT" })
        self.unblock(2)
        await harness.journal.until { $0.ends.count == 2 }
        try await running.stop()
        #expect(harness.broker.records("test.results").isEmpty)
    }

    @Test func noMoreThreadsThanAllowedTakeOver() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock: clock, spares: 1)
        let running = await harness.start()
        await self.block(harness, 0..<2, clock, running)
        harness.broker.send("b-2", key: "b-2", #"{"note":"block"}"#)
        await self.pass(1100, clock, running)
        await harness.journal.until { $0.hasStarted("b-2") }
        harness.broker.send("c", key: "c")
        await self.pass(1100, clock, running)
        await self.pass(1100, clock, running)
        #expect(running.engine.gauges().blockedThreads == 3)
        #expect(!harness.journal.value.hasStarted("c"))
        self.unblock(1)
        await harness.until("test.results", has: 2)
        #expect(harness.journal.value.hasStarted("c"))
        self.unblock(2)
        await harness.until("test.results", has: 4)
        try await running.stop()
    }
}
