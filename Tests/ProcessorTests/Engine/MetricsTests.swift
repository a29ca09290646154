import Commands
import CoreMetrics
import MetricsTestKit
import Testing

@testable import Processor

/// What is counted, under which names, and with labels that no traffic can multiply.
@Suite(.timeLimit(.minutes(10))) struct MetricsTests {
    private let metrics = TestMetrics()
    private static let base = [("messaging.system", "kafka"), ("messaging.consumer.group.name", "adjutant.test")]
    private static let domain = base + [("messaging.destination.name", "test.commands")]

    private static func type(_ name: String) -> [(String, String)] { Self.domain + [("adjutant.command.type", name)] }

    private func count(_ label: String, _ dimensions: [(String, String)]) -> Int64 {
        self.metrics.counterTotal(label: label, dimensions: dimensions)
    }

    private func handled(_ outcome: String, type: String = "test.run") -> Int64 {
        self.count("adjutant.commands.handled", Self.type(type) + [("adjutant.outcome", outcome)])
    }

    /// Every instrument with all its labels.
    private var instruments: Set<String> {
        func name(_ label: String, _ dimensions: [(String, String)]) -> String {
            label + dimensions.map { " \($0)=\($1)" }.sorted().joined()
        }
        return Set(
            self.metrics.counters.map { name($0.label, $0.dimensions) }
                + self.metrics.timers.map { name($0.label, $0.dimensions) }
                + self.metrics.recorders.map { name($0.label, $0.dimensions) })
    }

    private func harness(_ clock: ManualClock) throws -> Harness {
        try Harness(retry: .fixed(.seconds(5), attempts: 2), clock: clock.clock, metrics: self.metrics) {
            gate, command, context in
            switch command.note {
            case "slow":
                clock.advance(milliseconds: 30)
            case "held": await gate.pass("held")
            case "busy": throw CommandError.transient("BUSY")
            case "soon" where context.attempt == 1: throw CommandError.transient("BUSY", retryAfter: .milliseconds(1))
            case "refused": throw CommandError.rejected("NO")
            case "broken": throw CommandError.permanent("NO")
            default: break
            }
        }
    }

    /// The broker is asked for the ends of paused partitions, and may be slow: of a few at a time, each in its turn.
    @Test func theEndsOfPausedPartitionsAreAskedForInTurn() async throws {
        let clock = ManualClock()
        let broker = MemoryBroker(partitions: 5)
        let harness = try Harness(
            broker: broker, clock: clock.clock, settings: .testing { $0.lookAhead = 1 }, metrics: self.metrics
        ) { gate, _, _ in await gate.pass("all") }
        for index in 0..<15 { broker.send("c-\(index)", key: "k", partition: Int32(index % 5)) }
        let running = await harness.start()
        await running.source.log.until { $0.paused.count == 5 }
        for report in 1...3 {
            clock.advance(milliseconds: 1000)
            await running.source.log.until { $0.endsAsked.count >= 2 * report }
            await harness.turns(running)
            #expect(running.source.log.value.endsAsked.count == 2 * report)
        }
        #expect(Set(running.source.log.value.endsAsked).count == 5)
        #expect(try self.metrics.expectGauge("adjutant.lag", Self.base).lastValue == 15)
        harness.gate.open("all")
        try await running.stop()
    }

    @Test func whatHappensIsCounted() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock)
        for (index, note) in ["fine", "fine", "refused", "broken", "busy", "soon"].enumerated() {
            harness.broker.send("c-\(index)", key: "k-\(index)", #"{"note":"\#(note)"}"#)
        }
        harness.broker.send("invalid", key: "i", #"{"amount":-1}"#)
        harness.broker.send("unknown", key: "u", type: "test.unknown")
        harness.broker.append("test.commands", key: nil, value: [1], headers: [])
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        await harness.until(running) { $0.waitingForTime == 2 }
        clock.advance(milliseconds: 5000)
        // Two results, and the one that was tried again; failures: no envelope, no event.
        await harness.until("test.results", has: 3)
        await harness.until("test.failures", has: 5)
        await harness.until("test.dlt", has: 4)
        try await running.stop()

        #expect(self.count("messaging.client.consumed.messages", Self.domain) == 10)
        #expect(self.handled("succeeded") == 3)
        #expect(self.handled("rejected") == 1)
        #expect(self.handled("permanent") == 1)
        #expect(self.handled("exhausted") == 1)
        #expect(self.handled("invalid") == 1)
        #expect(self.handled("transient") == 0)
        #expect(self.handled("unhandled", type: "other") == 1)
        #expect(self.handled("poison", type: "other") == 1)
        #expect(self.count("adjutant.retries", Self.domain + [("adjutant.retry.tier", "5s")]) == 1)
        #expect(self.count("adjutant.retries", Self.domain + [("adjutant.retry.tier", "in_place")]) == 1)
        #expect(self.count("adjutant.retries", Self.domain + [("adjutant.retry.tier", "1m")]) == 0)
        #expect(self.count("adjutant.dead_letters", Self.domain) == 4)
    }

    @Test func timesAreMeasured() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock)
        harness.broker.send("c-1", #"{"note":"slow"}"#, extra: [("ce_time", "2025-12-31T23:59:59.500Z")])
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        try await running.stop()
        let duration = try self.metrics.expectTimer("messaging.process.duration", Self.type("test.run"))
        #expect(duration.values == [30_000_000])
        let delay = try self.metrics.expectTimer("adjutant.command.outcome.delay", Self.type("test.run"))
        #expect(delay.values == [530_000_000])
    }

    @Test func theStateIsTold() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock)
        harness.broker.send("held", key: "a", #"{"note":"held"}"#)
        harness.broker.send("behind", key: "a")
        harness.broker.send("busy", key: "b", #"{"note":"busy"}"#)
        for index in 0..<4 { harness.broker.send("c-\(index)", key: "c") }
        let running = await harness.start()
        await harness.until("test.results", has: 4)
        await harness.until(running) { $0.waitingForTime == 1 && $0.inFlight == 2 && $0.settling == 0 }
        await harness.broker.state.until { !($0.committed[TopicPartition("test.commands", 0)]?.metadata ?? "").isEmpty }
        clock.advance(milliseconds: 1000)
        await harness.turns(running)
        // The one that hangs, the one behind it, and on its retry topic the one that waits.
        let gauges = [
            "adjutant.commands.running": 1.0, "adjutant.commands.in_flight": 2, "adjutant.commands.waiting": 1,
            "adjutant.offsets.incomplete": 3, "adjutant.partitions.assigned": 3, "adjutant.partitions.paused": 0,
            "adjutant.outages": 0, "adjutant.threads.blocked": 0,
            // All of the commands topic, whose first one hangs, and the one on the retry topic.
            "adjutant.lag": 8,
        ]
        for (name, value) in gauges {
            #expect(try self.metrics.expectGauge(name, Self.base).lastValue == value, "\(name)")
        }
        #expect(try self.metrics.expectGauge("adjutant.offsets.metadata_bytes", Self.base).lastValue ?? 0 > 5)
        harness.gate.open("held")
        await harness.until("test.results", has: 6)
        try await running.stop()
    }

    /// Whatever senders write: types, keys, ids, tenants and codes make no instrument of their own.
    @Test func labelsAreBounded() async throws {
        let clock = ManualClock()
        let harness = try self.harness(clock)
        let before = self.instruments
        for index in 0..<60 {
            harness.broker.send(
                "id-\(index)", key: "key-\(index)", #"{"note":"\#(["fine", "broken", "refused"][index % 3])"}"#,
                type: index % 2 == 0 ? "test.run" : "made.up.\(index)", extra: [("ce_tenant", "tenant-\(index)")])
        }
        let running = await harness.start()
        await harness.until("test.results", has: 10)
        await harness.until("test.failures", has: 50)
        clock.advance(milliseconds: 1000)
        await harness.turns(running)
        try await running.stop()
        let after = self.instruments
        let documented: Set<String> = [
            "messaging.client.consumed.messages", "messaging.process.duration", "adjutant.command.outcome.delay",
            "adjutant.commands.handled", "adjutant.retries", "adjutant.dead_letters", "adjutant.commands.running",
            "adjutant.commands.in_flight", "adjutant.commands.waiting", "adjutant.offsets.incomplete",
            "adjutant.offsets.metadata_bytes", "adjutant.partitions.paused", "adjutant.partitions.assigned",
            "adjutant.commands.fenced", "adjutant.lag", "adjutant.outages", "adjutant.threads.blocked",
        ]
        #expect(Set(after.map { String($0.prefix { $0 != " " }) }) == documented)
        #expect(!after.contains { $0.contains("made.up") || $0.contains("tenant-") || $0.contains("key-") })
        // All of them are made at the start: one engine, one domain, one type and the others.
        #expect(before.isEmpty)
        let counters = ["consumed": 1, "handled": 2 * 10, "retries": 3, "dead letters": 1, "fenced": 1]
        let (timers, gauges) = (2 * 2, 10)
        #expect(after.count == counters.values.reduce(0, +) + timers + gauges)
    }
}
