import Commands
import Synchronization
import Foundation
import Testing

@testable import Processor

/// Many commands on retry topics: each starts in its time, whatever waits before it.
@Suite(.timeLimit(.minutes(10))) struct WaitingTests {
    private let clock = ManualClock()

    /// Puts a command on a retry topic, due so many milliseconds after the start; the id tells.
    private func put(_ broker: MemoryBroker, _ topic: String, _ number: Int, due: Int64, partition: Int32 = 0) {
        broker.send(
            "\(due)-\(topic)-\(number)", key: "k-\(topic)-\(number)", partition: partition,
            extra: [
                ("adjutant-attempt", "1"), ("adjutant-due", "\(ManualClock.start / 1000 + due)"),
                ("adjutant-origin", "test.commands/\(partition)/\(number)"),
            ], topic: topic)
    }

    private func harness(_ broker: MemoryBroker, settings: EngineSettings = .testing()) throws -> (
        Harness, early: Watched<[String]>
    ) {
        let (clock, early) = (self.clock, Watched<[String]>([]))
        let harness = try Harness(broker: broker, tiers: ["5s", "1m", "10m"], clock: clock.clock, settings: settings) {
            _, _, context in
            let due = Int64(context.commandID.prefix { $0 != "-" })!
            if clock.milliseconds < ManualClock.start / 1000 + due { early.update { $0.append(context.commandID) } }
        }
        return (harness, early)
    }

    /// Ten thousand of them, over three tiers and two partitions, not in the order of their times. The clock goes on when
    /// all that is due has run: none is late for want of being looked at.
    @Test func tenThousandAreNeitherEarlyNorForgotten() async throws {
        let broker = MemoryBroker(partitions: 2)
        var random = SeededRandom(seed: 7)
        var dues: [Int64] = []
        for number in 0..<10_000 {
            let due = Int64.random(in: 1...10_000, using: &random)
            dues.append(due)
            let topic = ["test.retry.5s", "test.retry.1m", "test.retry.10m"][number % 3]
            self.put(broker, topic, number, due: due, partition: Int32(number % 2))
        }
        dues.sort()
        let (harness, early) = try self.harness(broker)
        let running = await harness.start()
        await harness.until(running) { $0.waitingForTime == 10_000 }
        var now: Int64 = 0
        while now < 10_000 {
            now += 250
            self.clock.advance(milliseconds: 250)
            let expected = dues.count { $0 <= now }
            await harness.journal.until { $0.ends.count >= expected }
        }
        await harness.until("test.results", has: 10_000)
        try await running.stop()
        #expect(early.value == [])
        #expect(Set(harness.journal.value.ids).count == 10_000)
        #expect(harness.journal.value.starts.allSatisfy { $0.attempt == 2 })
        await harness.expectEmpty(running)
    }

    /// What waits long stands before what waits a little, in its own partition and on the other tiers, and more of it
    /// than may be in flight.
    @Test func whatWaitsLongHoldsUpNobody() async throws {
        let broker = MemoryBroker()
        for number in 0..<600 { self.put(broker, "test.retry.10m", number, due: 600_000) }
        for number in 0..<600 { self.put(broker, "test.retry.1m", number, due: 60_000) }
        for number in 600..<610 { self.put(broker, "test.retry.1m", number, due: 1000) }
        for number in 0..<10 { self.put(broker, "test.retry.5s", number, due: 1000) }
        for number in 0..<10 { broker.send("0-now-\(number)", key: "now-\(number)") }
        let (harness, early) = try self.harness(broker, settings: .testing { $0.inFlight = 50 })
        let running = await harness.start()
        await harness.until("test.results", has: 10)
        await harness.until(running) { $0.waitingForTime == 1220 }
        self.clock.advance(milliseconds: 1000)
        await harness.until("test.results", has: 30)
        self.clock.advance(milliseconds: 59_000)
        await harness.until("test.results", has: 630)
        broker.send("60000-new", key: "new")
        await harness.until("test.results", has: 631)
        self.clock.advance(milliseconds: 540_000)
        await harness.until("test.results", has: 1231)
        try await running.stop()
        #expect(early.value == [])
    }

    /// At the limit of what may wait, the partitions that hold it pause, and they only; when they are taken away and come
    /// back, they are full again and nothing ran early.
    /// As at the start of a machine whose clock is set a little later.
    @Test func aClockThatWasWrongHoldsUpNoRetryForLong() async throws {
        let clock = ManualClock()
        clock.error.store(-3 * 3600 * 1_000_000, ordering: .sequentiallyConsistent)
        let harness = try Harness(clock: clock.clock)
        let due = ManualClock.start / 1000 + 5000
        harness.broker.send(
            "c-1", extra: [("adjutant-attempt", "1"), ("adjutant-due", "\(due)")], topic: "test.retry.5s")
        let running = await harness.start()
        await harness.until(running) { $0.waitingForTime == 1 }
        clock.error.store(0, ordering: .sequentiallyConsistent)
        clock.advance(milliseconds: 4000)
        await harness.turns(running)
        #expect(harness.journal.value.starts.isEmpty)
        clock.advance(milliseconds: 56_000)
        await harness.until("test.results", has: 1)
        try await running.stop()
    }

    @Test func pausesAreThereAgainAfterAReassignment() async throws {
        let broker = MemoryBroker()
        for number in 0..<3000 { self.put(broker, "test.retry.10m", number, due: 60_000) }
        let settings = EngineSettings.testing { $0.waiting = 1000 }
        let (harness, early) = try self.harness(broker, settings: settings)
        let long = TopicPartition("test.retry.10m", 0)
        let running = await harness.start()
        for round in 1...3 {
            await running.source.log.until { $0.paused == [long] }
            let waiting = running.engine.gauges().waiting
            #expect(waiting >= 1000 && waiting <= 1000 + Dispatcher.largestPoll.records)
            broker.send("0-now-\(round)", key: "now")
            await harness.until("test.results", has: round)
            guard round < 3 else { break }
            running.source.post(.revoked([long], lost: false))
            await running.source.log.until { $0.released.count == round }
            #expect(running.engine.gauges().waiting == 0)
            running.source.post(.assigned([long]))
            await running.source.log.until { $0.begun.count == 4 + round }
        }
        // Others come and go beside it, as with the cooperative protocol: it stays paused.
        let short = TopicPartition("test.retry.5s", 0)
        running.source.post(.revoked([short], lost: false))
        await running.source.log.until { $0.released.contains(short) }
        running.source.post(.assigned([short]))
        await running.source.log.until { $0.begun.count { $0 == short } == 2 }
        await harness.turns(running)
        #expect(running.source.log.value.paused == [long])
        self.clock.advance(milliseconds: 60_000)
        await harness.until("test.results", has: 3003)
        try await running.stop()
        #expect(early.value == [])
        #expect(Set(harness.journal.value.ids).count == 3003)
    }

    /// The same for a partition at its look-ahead limit: what was given up is taken again, and in order.
    @Test func aPartitionThatWasFullComesBackFull() async throws {
        let broker = MemoryBroker(partitions: 2)
        let harness = try Harness(broker: broker, settings: .testing { $0.lookAhead = 10 }) { gate, _, context in
            if context.key == "hung" { await gate.pass("hung") }
        }
        for index in 0..<40 { broker.send("h-\(index)", key: "hung", partition: 0) }
        let full = TopicPartition("test.commands", 0)
        let running = await harness.start()
        await running.source.log.until { $0.paused == [full] }
        await harness.journal.until { $0.hasStarted("h-0") }
        running.source.post(.revoked([full], lost: true))
        await running.source.log.until { $0.released == [full] }
        running.source.post(.assigned([full]))
        await running.source.log.until { $0.begun.count { $0 == full } == 2 && $0.paused == [full] }
        for index in 0..<20 { broker.send("c-\(index)", key: "c", partition: 1) }
        await harness.until("test.results", has: 20)
        harness.gate.open("hung")
        await harness.until("test.results", has: 60)
        try await running.stop()
        // The first one ran for the old assignment too, and for nobody.
        let hung = harness.journal.value.ids.filter { $0.hasPrefix("h") }
        #expect(hung == ["h-0"] + (0..<40).map { "h-\($0)" })
        #expect(harness.journal.value.overlaps == [])
    }
}
