import Commands
import Logging
import Metrics
import MetricsTestKit
import Synchronization
import Testing

@testable import Processor

/// Limits of a command type: at once, by time, by tenant, and while its world is down.
@Suite(.timeLimit(.minutes(10))) struct GateTests {
    private let clock = ManualClock()

    private func harness(
        _ limits: CommandLimits, broker: MemoryBroker = MemoryBroker(),
        settings: EngineSettings = .testing { $0.threads = 1 },
        metrics: any MetricsFactory = NOOPMetricsHandler.instance, logger: Logger = .mute,
        script: @escaping @Sendable (Gate, TestRun, CommandContext) async throws -> Void = { _, _, _ in }
    ) throws -> Harness {
        try Harness(
            broker: broker, retry: .fixed(.milliseconds(1), attempts: 3), timeout: .seconds(3600), limits: limits,
            clock: self.clock.clock, settings: settings, metrics: metrics, logger: logger, script: script)
    }

    @Test func noMoreAtOnceThanTheTypeAllows() async throws {
        let harness = try self.harness(CommandLimits(concurrency: 2)) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<6 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        for index in 0..<6 {
            let expected = min(6, index + 2)
            await harness.journal.until { $0.starts.count == expected }
            await harness.until(running) { $0.parked == 6 - expected }
            #expect(running.engine.gauges().waiting == 6 - expected)
            harness.gate.open("c-\(index)")
        }
        await harness.until("test.results", has: 6)
        try await running.stop()
        #expect(harness.journal.value.mostAtOnce == 2)
        #expect(harness.journal.value.ids == (0..<6).map { "c-\($0)" })
        await harness.expectEmpty(running)
    }

    /// Each limit has its own count, each command counts once however often it asks again, and the log tells of it once
    /// a minute.
    @Test func limitsThatHoldAreTold() async throws {
        let metrics = TestMetrics()
        let log = Watched<[String]>([])
        let harness = try self.harness(
            CommandLimits(concurrency: 1, rate: .init(2)), metrics: metrics, logger: .noting(in: log)
        ) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<4 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        // One runs; the second finds no room, the two last no token either once there is room.
        await harness.until(running) { $0.parked == 3 }
        harness.gate.open("c-0")
        await harness.journal.until { $0.starts.count == 2 }
        harness.gate.open("c-1")
        await harness.until(running) { $0.running == 0 && $0.parked == 2 }
        #expect(harness.journal.value.starts.count == 2)
        func held(_ limit: String) -> Int64 {
            metrics.counterTotal(
                label: "adjutant.commands.held",
                dimensions: [
                    ("messaging.system", "kafka"), ("messaging.consumer.group.name", "adjutant.test"),
                    ("messaging.destination.name", "test.commands"), ("adjutant.command.type", "test.run"),
                    ("adjutant.limit", limit),
                ])
        }
        #expect(held("concurrency") == 3)
        #expect(held("rate") == 0 && held("tenant_rate") == 0 && held("outage") == 0)
        #expect(log.value.filter { $0.contains("wait at a limit") && $0.contains("concurrency") }.count == 1)
        for index in 2..<4 { harness.gate.open("c-\(index)") }
        _ = await self.starts(after: 1000, harness, running, atLeast: 4)
        await harness.until("test.results", has: 4)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    /// Moves time, and says how many attempts have begun in all.
    private func starts(
        after milliseconds: Int64, _ harness: Harness, _ running: RunningEngine, atLeast: Int
    ) async -> Int {
        self.clock.advance(milliseconds: milliseconds)
        await harness.turns(running)
        await harness.journal.until { $0.starts.count >= atLeast }
        await harness.until(running) { $0.ready.isEmpty && $0.running == 0 }
        return harness.journal.value.starts.count
    }

    @Test func noFasterThanTheTypeAllows() async throws {
        let harness = try self.harness(CommandLimits(rate: .init(3)))
        for index in 0..<9 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        await harness.until(running) { $0.parked == 6 }
        #expect(await self.starts(after: 0, harness, running, atLeast: 3) == 3)
        #expect(await self.starts(after: 333, harness, running, atLeast: 3) == 3)
        #expect(await self.starts(after: 1, harness, running, atLeast: 4) == 4)
        // However long nothing is done: a burst of what one second allows, no more.
        #expect(await self.starts(after: 60_000, harness, running, atLeast: 7) == 7)
        #expect(await self.starts(after: 334, harness, running, atLeast: 8) == 8)
        #expect(await self.starts(after: 334, harness, running, atLeast: 9) == 9)
        try await running.stop()
        #expect(harness.journal.value.ids == (0..<9).map { "c-\($0)" })
        await harness.expectEmpty(running)
    }

    @Test func eachTenantHasARateOfItsOwn() async throws {
        let harness = try self.harness(CommandLimits(tenantRate: .init(1)))
        for (index, tenant) in ["x", "x", "y", "x", "y", nil, nil].enumerated() {
            harness.broker.send("c-\(index)", key: "k-\(index)", extra: tenant.map { [("ce_tenant", $0)] } ?? [])
        }
        let running = await harness.start()
        await harness.until(running) { $0.parked == 3 }
        #expect(await self.starts(after: 0, harness, running, atLeast: 4) == 4)
        #expect(harness.journal.value.ids.sorted() == ["c-0", "c-2", "c-5", "c-6"])
        #expect(await self.starts(after: 999, harness, running, atLeast: 4) == 4)
        #expect(await self.starts(after: 2, harness, running, atLeast: 6) == 6)
        #expect(await self.starts(after: 1001, harness, running, atLeast: 7) == 7)
        try await running.stop()
        let ofOne = harness.journal.value.ids.filter { ["c-0", "c-1", "c-3"].contains($0) }
        #expect(ofOne == ["c-0", "c-1", "c-3"])
        await harness.expectEmpty(running)
    }

    /// A handler's world is down: one at a time is tried, further and further apart; no attempt is used up, no dead
    /// letter written, and all of them run when the world is back.
    @Test func inAnOutageOneAtATimeIsTriedAndNothingIsUsedUp() async throws {
        let isDown = Watched(true)
        let harness = try self.harness(
            CommandLimits(outageAfter: 3, outageProbe: .seconds(1)), settings: .testing { $0.concurrency = 1 }
        ) { _, _, _ in
            if isDown.value { throw CommandError.transient("DOWN") }
        }
        for index in 0..<20 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        await harness.until(running) { $0.parked == 20 && $0.running == 0 }
        #expect(harness.journal.value.starts.count == 3)
        #expect(running.engine.gauges().outages == 1)
        var (started, pause) = (3, Int64(1000))
        for _ in 0..<8 {
            #expect(await self.starts(after: pause - 1, harness, running, atLeast: started) == started)
            started += 1
            #expect(await self.starts(after: 1, harness, running, atLeast: started) == started)
            pause = min(pause * 2, 30_000)
        }
        #expect(harness.journal.value.mostAtOnce == 1)
        isDown.update { $0 = false }
        self.clock.advance(milliseconds: 30_000)
        await harness.until("test.results", has: 20)
        #expect(running.engine.gauges().outages == 0)
        try await running.stop()
        #expect(running.engine.counters.outages.load(ordering: .relaxed) == 1)
        #expect(harness.broker.records("test.failures").isEmpty)
        #expect(harness.broker.records("test.dlt").isEmpty)
        // The three that began it count, the probes do not.
        #expect(harness.journal.value.starts.allSatisfy { $0.attempt <= 2 })
        let ids = harness.broker.records("test.audit").compactMap { $0.headerText("ce_id") }
        #expect(Set(ids).count == ids.count, "every attempt's event has an id of its own")
        await harness.expectEmpty(running)
    }

    /// A refusal is no sign of an outage, and one success ends the row.
    @Test func onlyTransientFailuresInARowAreAnOutage() async throws {
        let harness = try self.harness(
            CommandLimits(outageAfter: 3), settings: .testing { $0.concurrency = 1 }
        ) { _, command, _ in
            switch command.note {
            case "busy": throw CommandError.transient("BUSY", retryAfter: .seconds(600))
            case "refused": throw CommandError.rejected("NO")
            default: break
            }
        }
        for (index, note) in ["busy", "busy", "fine", "busy", "busy", "refused", "busy", "fine"].enumerated() {
            harness.broker.send("c-\(index)", key: "k-\(index)", #"{"note":"\#(note)"}"#)
        }
        let running = await harness.start()
        await harness.until("test.audit", has: 8)
        try await running.stop()
        #expect(running.engine.counters.outages.load(ordering: .relaxed) == 0)
        #expect(harness.journal.value.starts.count == 8)
    }

    @Test(arguments: [false, true]) func whatIsHeldAtAGateGoesToTheNextOwner(stops: Bool) async throws {
        let harness = try self.harness(CommandLimits(concurrency: 1)) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<5 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        await harness.until(running) { $0.parked == 4 }
        let stopping = stops ? Task { try await running.stop() } : nil
        if !stops { running.source.post(.revoked(harness.inputs, lost: false)) }
        await harness.until(running) { $0.parked == 0 }
        for index in 0..<5 { harness.gate.open("c-\(index)") }
        try await stopping?.value
        if !stops {
            await running.source.log.until { $0.released.count == 3 }
            try await running.stop()
        }
        await harness.expectEmpty(running)
        #expect(harness.journal.value.ids == ["c-0"])
        let next = await harness.start()
        await harness.until("test.results", has: 5)
        try await next.stop()
        #expect(harness.journal.value.ids.sorted() == (0..<5).map { "c-\($0)" })
    }
}
