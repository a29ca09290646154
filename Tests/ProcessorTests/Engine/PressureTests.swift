import Commands
@testable import Processor
import Synchronization
import Testing

/// Limits, full queues, and outcomes that nobody takes.
@Suite(.timeLimit(.minutes(10))) struct PressureTests {
    @Test(arguments: [1, 2, 10]) func noMoreThanTheLimitIsInFlight(limit: Int) async throws {
        let harness = try Harness(settings: .testing { $0.inFlight = limit }) { gate, _, _ in await gate.pass("go") }
        for index in 0..<40 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = RunningEngine(harness)
        running.source.post(.assigned(harness.inputs))
        await harness.journal.until { $0.starts.count == limit }
        await harness.until(running) { $0.inFlight == limit }
        #expect(running.source.log.value.delivered == limit)
        harness.gate.open("go")
        await harness.until("test.results", has: 40)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    @Test func bytesAreLimitedToo() async throws {
        let harness = try Harness(settings: .testing { $0.inFlightBytes = 5000 }) { gate, _, _ in await gate.pass("go")
        }
        let data = #"{"note":"\#(String(repeating: "x", count: 2000))"}"#
        for index in 0..<20 { harness.broker.send("c-\(index)", key: "k-\(index)", data) }
        let running = RunningEngine(harness)
        running.source.post(.assigned(harness.inputs))
        await harness.until(running) { !$0.hasRoom }
        #expect(running.source.log.value.delivered == 3)
        harness.gate.open("go")
        await harness.until("test.results", has: 20)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    /// The limits of one partition are passed by a small poll at most, however much is there to be taken.
    @Test func thePartitionsLimitsArePassedByLittle() async throws {
        let broker = MemoryBroker(partitions: 2)
        let settings = EngineSettings.testing {
            $0.lookAhead = 500
            $0.lookAheadBytes = 400_000
        }
        let harness = try Harness(broker: broker, settings: settings) { gate, _, _ in await gate.pass("go") }
        let data = #"{"note":"\#(String(repeating: "x", count: 10_000))"}"#
        for index in 0..<2000 { broker.send("s-\(index)", key: "s-\(index % 10)", partition: 0) }
        for index in 0..<300 { broker.send("l-\(index)", key: "l-\(index % 10)", data, partition: 1) }
        let running = await harness.start()
        let commands = (0..<2).map { TopicPartition("test.commands", $0) }
        await running.source.log.until { $0.paused == Set(commands) }
        let taken = running.engine.dispatcher.withLock { dispatcher in
            commands.map { (dispatcher.slots[$0]!.progress.unfinished, dispatcher.slots[$0]!.bytes) }
        }
        #expect(taken[0].0 >= 500 && taken[0].0 <= 500 + Dispatcher.smallestPoll.records)
        #expect(taken[1].1 >= 400_000 && taken[1].1 <= 400_000 + Dispatcher.smallestPoll.bytes + 11_000)
        harness.gate.open("go")
        await harness.until("test.results", has: 2300)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    @Test func lookingAheadPausesThatPartitionAlone() async throws {
        let broker = MemoryBroker(partitions: 2)
        let harness = try Harness(broker: broker, settings: .testing { $0.lookAhead = 8 }) { gate, _, context in
            if context.key == "hung" { await gate.pass("hung") }
        }
        for index in 0..<30 { broker.send("h-\(index)", key: "hung", partition: 0) }
        for index in 0..<60 { broker.send("c-\(index)", key: "k-\(index)", partition: 1) }
        let running = RunningEngine(harness)
        running.source.setBatchLimit(4)
        running.source.post(.assigned(harness.inputs))
        await harness.until("test.results", has: 60)
        await running.source.log.until { $0.paused == [TopicPartition("test.commands", 0)] }
        #expect(running.source.log.value.delivered < 60 + 16)
        harness.gate.open("hung")
        await harness.until("test.results", has: 90)
        await running.source.log.until { $0.paused.isEmpty }
        try await running.stop()
        #expect(harness.journal.value.ids.filter { $0.hasPrefix("h") } == (0..<30).map { "h-\($0)" })
        await harness.expectEmpty(running)
    }

    @Test func withoutRoomForLongEverythingIsPausedAndComesBack() async throws {
        let clock = ManualClock()
        let broker = MemoryBroker(partitions: 2)
        let settings = EngineSettings.testing { $0.inFlight = 4 }
        let harness = try Harness(broker: broker, timeout: .seconds(600), clock: clock.clock, settings: settings) {
            gate, _, _ in await gate.pass("go")
        }
        for index in 0..<20 { broker.send("c-\(index)", key: "k-\(index)", partition: Int32(index % 2)) }
        let first = harness.inputs.filter { $0.partition == 0 }
        let second = harness.inputs.filter { $0.partition == 1 }
        let running = RunningEngine(harness)
        running.source.setBatchLimit(4)
        running.source.post(.assigned(first))
        await harness.until(running) { $0.intakeWaits }
        clock.advance(milliseconds: 1500)
        await running.source.log.until { $0.paused == Set(first) }
        // Partitions that arrive now must not bring more.
        running.source.post(.assigned(second))
        await running.source.log.until { $0.paused == Set(first + second) }
        #expect(running.source.log.value.delivered <= 8)
        harness.gate.open("go")
        await harness.until("test.results", has: 20)
        #expect(running.source.log.value.paused.isEmpty)
        try await running.stop()
        await harness.expectEmpty(running)
    }

    @Test func aFullQueueIsWaitedFor() async throws {
        let harness = try Harness()
        for index in 0..<50 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = RunningEngine(harness)
        running.sink.state.update { $0.queueLimit = 3 }
        running.sink.hold { _ in true }
        running.source.post(.assigned(harness.inputs))
        await running.sink.state.until { $0.fullAnswers > 20 }
        #expect(harness.broker.committed("test.commands") == nil)
        running.sink.letGo()
        await harness.untilCommitted(50)
        try await running.stop()
        #expect(harness.broker.records("test.results").count == 50)
        #expect(harness.journal.value.ids.count == 50)
        await harness.expectEmpty(running)
    }

    @Test func anEngineWithoutPartitionsStarts() async throws {
        let harness = try Harness()
        let running = await harness.start([])
        await running.source.log.until { $0.polls > 3 }
        try await running.stop()
        #expect(running.source.log.value.isClosed)
    }

    /// One connection's trouble passes; a worker that nobody lets in any more ends.
    @Test func denialsEndTheRunOnlyWhenTheyLast() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock)
        let running = await harness.start()
        let denial = SourceFailure(kind: .denied, message: "unexpected eof while reading", isFatal: false)
        for number in 0..<5 {
            running.source.post(.failed(denial))
            await harness.turns(running)
            clock.advance(milliseconds: 100_000)
            // Work goes on, so it is no denial of the worker.
            harness.broker.send("c-\(number)")
            await harness.until("test.results", has: number + 1)
            await harness.untilCommitted(Int64(number + 1))
            await harness.turns(running)
        }
        running.source.post(.failed(denial))
        await harness.turns(running)
        clock.advance(milliseconds: 121_000)
        running.source.post(.failed(denial))
        let error = await #expect(throws: SourceFailure.self) { try await running.ended() }
        #expect(error?.kind == .denied)
    }

    @Test func aFatalFailureEndsTheRun() async throws {
        let harness = try Harness()
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        running.source.post(.failed(SourceFailure(kind: .fenced, message: "fenced", isFatal: true)))
        await #expect(throws: SourceFailure.self) { try await running.ended() }
        #expect(harness.broker.committed("test.commands")?.offset == 1)
    }

    private static func isTooLarge(_ topic: String) -> @Sendable (SentRecord) -> DeliveryFailure? {
        { record in
            record.topic == topic && record.value?.count ?? 0 > 100
                ? DeliveryFailure(kind: .tooLarge, message: "") : nil
        }
    }

    @Test func anOutcomeThatIsTooLargeIsCutAndMarked() async throws {
        let harness = try Harness { _, _, _ in
            throw CommandError.rejected("NO", String(repeating: "x", count: 200))
        }
        harness.broker.send("c-1", key: "a")
        harness.broker.send("c-2", key: "a")
        let running = RunningEngine(harness)
        running.sink.state.update { $0.refuse = Self.isTooLarge("test.failures") }
        running.source.post(.assigned(harness.inputs))
        await harness.untilCommitted(2)
        try await running.stop()
        let failures = harness.broker.records("test.failures")
        #expect(failures.map { $0.headerText("ce_subject") } == ["c-1", "c-2"])
        #expect(failures.first?.json["truncated"] as? Bool == true)
        #expect(Int(failures.first?.headerText("adjutant-truncated") ?? "") ?? 0 > 200)
        await harness.expectEmpty(running)
    }

    /// A retry whose data was cut would be another command, a dead letter whose bytes were cut no evidence: neither is
    /// ever shortened.
    @Test(arguments: ["test.retry.5s", "test.dlt"]) func aCommandsOwnBytesAreNeverCut(topic: String) async throws {
        let harness = try Harness { _, command, _ in
            guard command.note != nil else { return }
            throw topic == "test.dlt" ? CommandError.permanent("BROKEN") : CommandError.transient("BUSY")
        }
        harness.broker.send("large", key: "a", #"{"note":"\#(String(repeating: "x", count: 200))"}"#)
        for index in 0..<5 { harness.broker.send("c-\(index)", key: index < 3 ? "a" : "b") }
        let running = RunningEngine(harness)
        running.sink.state.update { $0.refuse = Self.isTooLarge(topic) }
        running.source.post(.assigned(harness.inputs))
        // The offset is held; the data goes on, the key's too.
        await harness.until("test.results", has: 5)
        try await running.stop()
        #expect(harness.broker.records(topic).isEmpty)
        #expect(harness.broker.committed("test.commands")?.offset ?? 0 == 0)
        #expect(harness.journal.value.attempts("large") == [1])
    }

    /// The same, but it is the broker that says so, later.
    @Test func aDeadLetterThatTheBrokerRefusesHoldsTheOffsetAndNothingElse() async throws {
        let harness = try Harness { _, command, _ in
            if command.amount == 1 { throw CommandError.permanent("BROKEN") }
        }
        harness.broker.send("c-0", key: "a", #"{"amount":1}"#)
        for index in 1..<6 { harness.broker.send("c-\(index)", key: "a", index == 3 ? #"{"amount":1}"# : "{}") }
        let running = RunningEngine(harness)
        running.sink.state.update {
            $0.undeliverable = { record in
                record.topic == "test.dlt" ? DeliveryFailure(kind: .other, message: "not authorised") : nil
            }
        }
        running.source.post(.assigned(harness.inputs))
        await harness.until("test.results", has: 4)
        try await running.stop()
        #expect(harness.journal.value.ids == (0..<6).map { "c-\($0)" })
        #expect(harness.broker.state.value.commits.allSatisfy { $0.offset == 0 })
        let commit = try #require(harness.broker.committed("test.commands"))
        #expect(CompletedSet(metadata: commit.metadata, base: 0)?.offsets == [1, 2, 4, 5])
    }
}

extension Harness {
    /// Nothing is counted that is not there, and no lane is left over.
    func expectEmpty(_ running: RunningEngine, sourceLocation: SourceLocation = #_sourceLocation) async {
        let left = running.engine.remains
        #expect(left == "", sourceLocation: sourceLocation)
    }
}
