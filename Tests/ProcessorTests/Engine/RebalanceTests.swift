import Commands
@testable import Processor
import Testing

/// Partitions that come and go while commands run.
@Suite(.timeLimit(.minutes(10))) struct RebalanceTests {
    private static let place = TopicPartition("test.commands", 0)

    @Test func aRevokeLetsRunningCommandsFinishAndCommitsThem() async throws {
        let harness = try Harness(clock: ManualClock().clock) { gate, _, context in await gate.pass(context.commandID) }
        for index in 0..<4 { harness.broker.send("c-\(index)", key: index < 2 ? "a" : "k-\(index)") }
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 3 }
        running.source.post(.revoked(harness.inputs, lost: false))
        await harness.turns(running)
        #expect(running.source.log.value.released.isEmpty)
        for id in ["c-0", "c-2", "c-3"] { harness.gate.open(id) }
        await running.source.log.until { $0.released.count == 3 }
        // The second command of the busy key was not started any more.
        #expect(harness.journal.value.ids.sorted() == ["c-0", "c-2", "c-3"])
        let commit = try #require(harness.broker.committed("test.commands"))
        #expect(commit.offset == 1)
        #expect(CompletedSet(metadata: commit.metadata, base: 1)?.offsets == [2, 3])

        let other = await harness.start()
        harness.gate.open("c-1")
        await harness.until("test.results", has: 4)
        try await other.stop()
        try await running.stop()
        #expect(harness.journal.value.ids.count == 4)
        #expect(harness.broker.committed("test.commands")?.offset == 4)
    }

    @Test func afterALossNothingIsCommittedOrSent() async throws {
        let harness = try Harness { gate, _, context in await gate.pass(context.commandID) }
        harness.broker.send("c-0", key: "a")
        harness.broker.send("c-1", key: "a")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-0") }
        running.source.post(.revoked(harness.inputs, lost: true))
        await running.source.log.until { $0.released.count == 3 }
        harness.gate.open("c-0", "c-1")
        await harness.journal.until { $0.ends.contains("c-0") }
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-0"])
        #expect(harness.broker.state.value.commits.isEmpty)
        #expect(harness.broker.records("test.results").isEmpty)
        #expect(harness.broker.records("test.audit").isEmpty)
    }

    /// The partition comes back while a handler of its last assignment still runs: its key waits, and the late result
    /// is nobody's.
    @Test func aKeyDoesNotOverlapWithItsOwnPast() async throws {
        let harness = try Harness { gate, _, context in
            await gate.pass(context.commandID)
        }
        harness.broker.send("c-0", key: "a")
        harness.broker.send("c-1", key: "b")
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 2 }
        running.source.post(.revoked(harness.inputs, lost: true))
        await running.source.log.until { $0.released.count == 3 }
        running.source.post(.assigned(harness.inputs))
        harness.gate.open("c-1")
        await harness.until("test.results", has: 1)
        #expect(harness.journal.value.attempts("c-0").count == 1)
        harness.gate.open("c-0")
        await harness.until("test.results", has: 2)
        await harness.untilCommitted(2)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-0") == [1, 1])
        #expect(harness.journal.value.overlaps == [])
        #expect(harness.broker.records("test.results").count == 2)
    }

    @Test func aRevokeEndsWhenItsTimeIsUp() async throws {
        let clock = ManualClock()
        let harness = try Harness(
            timeout: .seconds(600), clock: clock.clock, settings: .testing { $0.revokeGrace = .seconds(10) }
        ) { gate, _, context in
            await gate.pass(context.commandID)
        }
        harness.broker.send("c-0")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-0") }
        running.source.post(.revoked(harness.inputs, lost: false))
        await harness.untilRevoking(running)
        await harness.advance(clock, by: 10_001, running) { running.source.log.value.released.count >= 3 }
        harness.gate.open("c-0")
        await harness.journal.until { $0.ends == ["c-0"] }
        try await running.stop()
        #expect(harness.broker.records("test.results").isEmpty)
        #expect(harness.broker.committed("test.commands") == nil)
    }

    /// The group takes more away while it waits for the first partitions, as the cooperative protocol may: each revoke is
    /// answered, as soon as nothing runs of its own partitions.
    @Test func aRevokeBehindAnotherOneIsAnsweredToo() async throws {
        let broker = MemoryBroker(partitions: 3)
        let harness = try Harness(broker: broker, clock: ManualClock().clock) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<3 { broker.send("c-\(index)", key: "k-\(index)", partition: Int32(index)) }
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 3 }
        let places = (0..<3).map { TopicPartition("test.commands", $0) }
        running.source.post(.revoked([places[0]], lost: false))
        running.source.post(.revoked([places[1]], lost: false))
        await harness.until(running) { $0.slots[places[1]]?.state == .revoking }
        harness.gate.open("c-1")
        await running.source.log.until { $0.released == [places[1]] }
        #expect(broker.committed("test.commands", 1)?.offset == 1)
        harness.gate.open("c-0", "c-2")
        await running.source.log.until { $0.released == [places[1], places[0]] }
        #expect(broker.committed("test.commands", 0)?.offset == 1)
        await harness.until("test.results", has: 3)
        try await running.stop()
        #expect(broker.committed("test.commands", 2)?.offset == 1)
        await harness.expectEmpty(running)
    }

    /// A part of what is being given up is lost: the rest is given up as before.
    @Test func aLossTakesItsPartOutOfAnEarlierRevoke() async throws {
        let broker = MemoryBroker(partitions: 2)
        let harness = try Harness(broker: broker, clock: ManualClock().clock) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<2 { broker.send("c-\(index)", key: "k-\(index)", partition: Int32(index)) }
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 2 }
        let places = (0..<2).map { TopicPartition("test.commands", $0) }
        running.source.post(.revoked(places, lost: false))
        await harness.untilRevoking(running)
        running.source.post(.revoked([places[0]], lost: true))
        await running.source.log.until { $0.released == [places[0]] }
        harness.gate.open("c-0", "c-1")
        await running.source.log.until { $0.released == places }
        try await running.stop()
        #expect(broker.committed("test.commands", 0) == nil)
        #expect(broker.committed("test.commands", 1)?.offset == 1)
        #expect(broker.records("test.results").compactMap { $0.headerText("ce_subject") } == ["c-1"])
        await harness.expectEmpty(running)
    }

    @Test func attemptsAreNotForgottenInARevoke() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.seconds(1), attempts: 3), clock: clock.clock) { _, _, context in
            if context.attempt < 3 { throw CommandError.transient("BUSY") }
        }
        harness.broker.send("c-0", key: "a")
        harness.broker.send("c-1", key: "a")
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        running.source.post(.revoked([Self.place], lost: false))
        await running.source.log.until { $0.released == [Self.place] }
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-attempt") == "1")
        #expect(harness.broker.committed("test.commands")?.offset == 1)
        try await running.stop()
    }

    @Test func aRetryThatWaitsSurvivesARebalance() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock) { _, _, context in
            if context.attempt < 2 { throw CommandError.transient("BUSY") }
        }
        harness.broker.send("c-0")
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        await running.source.log.until { $0.delivered == 2 }
        let retries = harness.inputs.filter { $0.topic != "test.commands" }
        running.source.post(.revoked(retries, lost: false))
        await running.source.log.until { $0.released.count == 2 }
        clock.advance(milliseconds: 4000)
        running.source.post(.assigned(retries))
        await running.source.log.until { $0.delivered == 3 }
        #expect(harness.journal.value.attempts("c-0") == [1])
        clock.advance(milliseconds: 1000)
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-0") == [1, 2])
    }

    /// A failure waits for its lane's earlier results to be stored. The partition is lost meanwhile: the new owner runs
    /// the command, so nothing of it may come from here any more, least of all a retry.
    @Test func aFailureThatWaitedWhileThePartitionWasLostIsNotSent() async throws {
        let harness = try Harness { _, command, _ in
            if command.amount == 1 { throw CommandError.transient("BUSY") }
        }
        harness.broker.send("a-0", key: "a")
        harness.broker.send("a-1", key: "a", #"{"amount":1}"#)
        let running = RunningEngine(harness)
        running.sink.hold("test.results")
        running.source.post(.assigned(harness.inputs))
        await harness.untilLaneWaits(running)
        running.source.post(.revoked(harness.inputs, lost: true))
        await running.source.log.until { $0.released.count == 3 }
        running.sink.letGo()
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.broker.records("test.retry.5s").isEmpty)
        #expect(harness.broker.records("test.audit").count == 1)
    }

    /// Two workers that hand partitions to each other all the time.
    @Test(arguments: 0..<3) func partitionsThatWanderLoseNothing(seed: Int) async throws {
        let broker = MemoryBroker(partitions: 4)
        var random = SeededRandom(seed: UInt64(seed))
        let harness = try Harness(broker: broker, retry: .fixed(.milliseconds(1), attempts: 3)) { _, command, context in
            for _ in 0..<(command.amount ?? 0) { await Task.yield() }
            if command.note == "flaky", context.attempt < 2 { throw CommandError.transient("BUSY") }
        }
        let count = 1200
        for index in 0..<count {
            let key = Int.random(in: 0..<40, using: &random)
            broker.send(
                "c-\(index)", key: "k-\(key)",
                #"{"amount":\#(Int.random(in: 0..<20, using: &random)),"note":"\#(key == 0 ? "flaky" : "fine")"}"#,
                partition: Int32(key % 4))
        }
        let workers = [await harness.start([]), await harness.start([])]
        var released = [0, 0]
        for round in 0..<8 {
            // As the range assignor hands them out: a partition's number of all topics together.
            let split = Int32.random(in: 0...4, using: &random)
            let shares = [
                harness.inputs.filter { $0.partition < split }, harness.inputs.filter { $0.partition >= split },
            ]
            let enough = round * 60
            for (worker, share) in zip(workers, shares) { worker.source.post(.assigned(share)) }
            await harness.journal.until { $0.ends.count >= enough }
            for index in 0..<2 {
                released[index] += shares[index].count
                let expected = released[index]
                workers[index].source.post(.revoked(shares[index], lost: false))
                await workers[index].source.log.until { $0.released.count >= expected }
            }
        }
        workers[0].source.post(.assigned(harness.inputs))
        await broker.state.until { $0.count("test.results") >= count }
        for worker in workers { try await worker.stop() }
        let subjects = broker.records("test.results").compactMap { $0.headerText("ce_subject") }
        #expect(Set(subjects).count == count)
        #expect(subjects.count == count)
        #expect(harness.journal.value.overlaps == [])
    }
}
