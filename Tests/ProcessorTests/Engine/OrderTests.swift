import Commands
import Processor
import Testing

/// Order per key, and full use of the places besides.
@Suite(.timeLimit(.minutes(10))) struct OrderTests {
    @Test(arguments: [1, 2, 4]) func keysRunInOrderAndNeverOverlap(threads: Int) async throws {
        let broker = MemoryBroker(partitions: 3)
        var random = SeededRandom(seed: UInt64(threads))
        let settings = EngineSettings.testing { $0.threads = threads }
        let harness = try Harness(broker: broker, retry: .fixed(.milliseconds(1), attempts: 3), settings: settings) {
            _, command, context in
            for _ in 0..<(command.amount ?? 0) { await Task.yield() }
            if command.note == "flaky", context.attempt < 3 { throw CommandError.transient("BUSY") }
            if command.note == "refused" { throw CommandError.rejected("NO") }
            if command.note == "broken" { throw CommandError.permanent("NO") }
        }
        let count = 1500
        for index in 0..<count {
            let key = Int.random(in: 0..<20, using: &random)
            let note = ["fine", "fine", "fine", "fine", "flaky", "refused", "broken"].randomElement(using: &random)!
            broker.send(
                "c-\(index)", key: "k-\(key)",
                #"{"amount":\#(Int.random(in: 0..<4, using: &random)),"note":"\#(note)"}"#, partition: Int32(key % 3))
        }
        let running = await harness.start()
        await broker.state.until { $0.count("test.results") + $0.count("test.failures") == count }
        try await running.stop()
        let journal = harness.journal.value
        #expect(journal.overlaps == [])
        var last: [String: Int] = [:]
        for start in journal.starts {
            let index = Int(start.id.dropFirst(2))!
            let key = try #require(start.key)
            #expect(index >= last[key] ?? 0, "\(start.id) of \(key) started after c-\(last[key] ?? 0)")
            last[key] = index
        }
        let outcomes = broker.records("test.results") + broker.records("test.failures")
        #expect(Set(outcomes.compactMap { $0.headerText("ce_subject") }).count == count)
        #expect(outcomes.count == count)
        for partition: Int32 in 0..<3 {
            let log = broker.state.value.logs[TopicPartition("test.commands", partition)] ?? []
            #expect(broker.committed("test.commands", partition)?.offset == log.last.map { $0.offset + 1 })
        }
    }

    @Test func differentKeysRunSideBySide() async throws {
        let harness = try Harness { gate, _, context in await gate.pass(context.commandID) }
        for index in 0..<40 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        harness.broker.send("behind", key: "k-0")
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 40 }
        #expect(harness.journal.value.mostAtOnce == 40)
        for index in (0..<40).reversed() { harness.gate.open("c-\(index)") }
        harness.gate.open("behind")
        await harness.until("test.results", has: 41)
        try await running.stop()
        #expect(harness.journal.value.overlaps == [])
    }

    @Test func concurrencyIsALimit() async throws {
        let harness = try Harness(settings: .testing { $0.concurrency = 3 }) { gate, _, context in
            await gate.pass(context.commandID)
        }
        for index in 0..<9 { harness.broker.send("c-\(index)", key: nil) }
        let running = await harness.start()
        for index in 0..<9 {
            let expected = min(9, index + 3)
            await harness.journal.until { $0.starts.count >= expected }
            harness.gate.open("c-\(index)")
        }
        await harness.until("test.results", has: 9)
        try await running.stop()
        #expect(harness.journal.value.mostAtOnce == 3)
    }

    @Test func aHungKeyHoldsNobodyElse() async throws {
        let harness = try Harness { gate, _, context in
            if context.key == "hung" { await gate.pass("hung") }
        }
        harness.broker.send("h-1", key: "hung")
        harness.broker.send("h-2", key: "hung")
        for index in 0..<200 { harness.broker.send("c-\(index)", key: "k-\(index % 7)") }
        let running = await harness.start()
        await harness.until("test.results", has: 200)
        await harness.journal.until { $0.hasStarted("h-1") }
        #expect(!harness.journal.value.hasStarted("h-2"))
        #expect(harness.broker.committed("test.commands")?.offset ?? 0 == 0)
        harness.gate.open("hung")
        await harness.until("test.results", has: 202)
        try await running.stop()
        #expect(
            harness.broker.committed("test.commands")
                == .init(
                    partition: TopicPartition("test.commands", 0), offset: 202, metadata: ""))
    }

    @Test func partitionOrderIsOneAtATime() async throws {
        let harness = try Harness(ordering: .partition) { _, _, _ in await Task.yield() }
        for index in 0..<50 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = await harness.start()
        await harness.until("test.results", has: 50)
        try await running.stop()
        #expect(harness.journal.value.ids == (0..<50).map { "c-\($0)" })
        #expect(harness.journal.value.mostAtOnce == 1)
    }

    @Test func withoutOrderOneKeyRunsSideBySide() async throws {
        let harness = try Harness(ordering: Ordering.none) { gate, _, context in await gate.pass(context.commandID) }
        for index in 0..<5 { harness.broker.send("c-\(index)", key: "k") }
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 5 }
        for index in 0..<5 { harness.gate.open("c-\(index)") }
        await harness.until("test.results", has: 5)
        try await running.stop()
    }

    /// A failure goes to another topic than the results before and after it: neither may overtake it in storage.
    @Test func nothingOfAKeyStartsBeforeAFailureIsStored() async throws {
        let harness = try Harness { _, command, _ in
            if command.amount == 1 { throw CommandError.rejected("NO") }
        }
        harness.broker.send("a-1", key: "a", #"{"amount":1}"#)
        harness.broker.send("a-2", key: "a")
        harness.broker.send("b-1", key: "b")
        let running = RunningEngine(harness)
        running.sink.hold("test.failures")
        running.source.post(.assigned(harness.inputs))
        await harness.until("test.results", has: 1)
        #expect(!harness.journal.value.hasStarted("a-2"))
        running.sink.letGo()
        await harness.until("test.results", has: 2)
        try await running.stop()
        #expect(harness.journal.value.ids.filter { $0.hasPrefix("a") } == ["a-1", "a-2"])
    }
}
