import Commands
import Processor
import Testing

/// Offsets: only what is acknowledged, nothing twice after a clean stop, nothing lost and little repeated after a crash.
@Suite(.timeLimit(.minutes(10))) struct CommitTests {
    private static let place = TopicPartition("test.commands", 0)

    /// The log was cut short, or the topic made anew, and the operator let reading begin where it is now.
    @Test func whatLiesBelowTheCommittedOffsetAfterAResetIsRun() async throws {
        let harness = try Harness()
        let place = TopicPartition("test.commands", 0)
        var completed = CompletedSet()
        completed.append(105..<106)
        let metadata = CommitMetadata(completed: completed).text(base: 100)
        harness.broker.state.update {
            $0.committed[place] = OffsetCommit(partition: place, offset: 100, metadata: metadata)
        }
        let running = await harness.start()
        running.source.jump(place, to: 0)
        for index in 0..<13 { harness.broker.send("c-\(index)", key: "k-\(index % 3)") }
        await harness.untilCommitted(13)
        try await running.stop()
        #expect(harness.journal.value.ids.count == 13)
        #expect(harness.broker.records("test.results").count == 13)
    }

    @Test(arguments: ["test.results", "test.audit"])
    func whatIsNotAcknowledgedIsNotCommitted(topic: String) async throws {
        let harness = try Harness()
        for index in 0..<20 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = RunningEngine(harness)
        running.sink.hold {
            $0.topic == topic && $0.headers.contains { $0.name == "ce_subject" && $0.value == Array("c-7".utf8) }
        }
        running.source.post(.assigned(harness.inputs))
        let completed = CompletedSet(offsets: 8..<20)
        await harness.broker.state.until {
            guard let commit = $0.committed[Self.place] else { return false }
            return commit.offset == 7 && CompletedSet(metadata: commit.metadata, base: 7) == completed
        }
        running.sink.letGo()
        await harness.untilCommitted(20)
        try await running.stop()
        #expect(harness.broker.state.value.commits.allSatisfy { $0.offset <= 7 || $0.offset == 20 })
    }

    @Test func aCrashRepeatsOnlyWhatWasAtWork() async throws {
        let broker = MemoryBroker()
        let settings = EngineSettings.testing { $0.grace = .zero }
        let first = try Harness(broker: broker, settings: settings) { gate, _, context in
            if ["c-3", "c-11"].contains(context.commandID) { await gate.pass("never before the crash") }
        }
        for index in 0..<20 { broker.send("c-\(index)", key: "k-\(index)") }
        let crashing = await first.start()
        await first.until("test.results", has: 18)
        await broker.state.until {
            guard let commit = $0.committed[Self.place], commit.offset == 3 else { return false }
            return CompletedSet(metadata: commit.metadata, base: 3)?.offsets.count == 15
        }
        crashing.cut()
        first.gate.open("never before the crash")
        try await crashing.stop()

        let second = try Harness(broker: broker)
        broker.send("c-20", key: "k-20")
        let running = await second.start()
        await second.until("test.results", has: 21)
        try await running.stop()
        #expect(second.journal.value.ids.sorted() == ["c-11", "c-20", "c-3"])
        #expect(broker.committed("test.commands") == OffsetCommit(partition: Self.place, offset: 21, metadata: ""))
    }

    /// Killed when everything of a key's second command is stored, and of its first one the result only: both run again,
    /// the first one first.
    @Test func aCrashNeverLeavesAnEarlierCommandOfAKeyBehindALaterOne() async throws {
        let broker = MemoryBroker()
        let first = try Harness(broker: broker, settings: .testing { $0.grace = .zero })
        broker.send("a-1", key: "a")
        broker.send("a-2", key: "a")
        broker.send("b-1", key: "b")
        let crashing = RunningEngine(first)
        crashing.sink.hold {
            $0.topic == "test.audit" && $0.headers.contains { $0.name == "ce_subject" && $0.value == Array("a-1".utf8) }
        }
        crashing.source.post(.assigned(first.inputs))
        await first.until("test.audit", has: 2)
        await broker.state.until { state in
            guard let commit = state.committed[Self.place] else { return false }
            return CompletedSet(metadata: commit.metadata, base: 0)?.contains(2) == true
        }
        crashing.cut()
        try await crashing.stop()

        let second = try Harness(broker: broker)
        let running = await second.start()
        await second.untilCommitted(3)
        try await running.stop()
        #expect(second.journal.value.ids == ["a-1", "a-2"])
    }

    @Test(arguments: ["adj1:damaged", "something of somebody else's", "adj9:AAAA"])
    func foreignMetadataIsIgnored(metadata: String) async throws {
        let harness = try Harness()
        for index in 0..<5 { harness.broker.send("c-\(index)") }
        harness.broker.state.update {
            $0.committed[Self.place] = OffsetCommit(partition: Self.place, offset: 2, metadata: metadata)
        }
        let running = await harness.start()
        await harness.until("test.results", has: 3)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-2", "c-3", "c-4"])
    }

    @Test(arguments: [MemorySource.CommitMode.failLater, .refuse])
    func aFailedCommitIsTriedAgain(mode: MemorySource.CommitMode) async throws {
        let harness = try Harness()
        for index in 0..<10 { harness.broker.send("c-\(index)", key: "k-\(index)") }
        let running = RunningEngine(harness)
        running.source.setCommitMode(mode)
        running.source.post(.assigned(harness.inputs))
        await harness.until("test.audit", has: 10)
        await running.source.log.until { $0.commitFailures >= 3 }
        #expect(harness.broker.committed("test.commands") == nil)
        running.source.setCommitMode(.succeed)
        await harness.untilCommitted(10)
        try await running.stop()
    }

    /// Started and stopped again and again while commands come in: no command runs twice.
    @Test(arguments: 0..<4) func cleanStopsRepeatNothing(seed: Int) async throws {
        let broker = MemoryBroker(partitions: 2)
        var random = SeededRandom(seed: UInt64(seed))
        let harness = try Harness(broker: broker) { _, command, _ in
            for _ in 0..<(command.amount ?? 0) { await Task.yield() }
            if command.note == "refused" { throw CommandError.rejected("NO") }
        }
        var sent = 0
        for round in 1...12 {
            for _ in 0..<120 {
                let key = Int.random(in: 0..<30, using: &random)
                broker.send(
                    "c-\(sent)", key: "k-\(key)",
                    #"{"amount":\#(Int.random(in: 0..<30, using: &random)),"note":"\#(key == 3 ? "refused" : "fine")"}"#,
                    partition: Int32(key % 2))
                sent += 1
            }
            let running = await harness.start()
            let enough = Int.random(in: 0..<round * 110, using: &random)
            await harness.journal.until { $0.ends.count >= min(enough, 100) }
            try await running.stop()
            let ids = harness.journal.value.ids
            try #require(ids.count == Set(ids).count, "round \(round)")
        }
        let running = await harness.start()
        let total = sent
        await broker.state.until { $0.count("test.results") + $0.count("test.failures") == total }
        try await running.stop()
        #expect(Set(harness.journal.value.ids).count == total)
        #expect(harness.journal.value.ids.count == total)
        #expect(harness.journal.value.overlaps == [])
    }

    /// Cut off at random moments: every command has its outcome, and what is committed is never run again.
    @Test(arguments: 0..<6) func crashesLoseNothing(seed: Int) async throws {
        let broker = MemoryBroker()
        var random = SeededRandom(seed: UInt64(seed))
        let settings = EngineSettings.testing { $0.grace = .zero }
        let count = 600
        for index in 0..<count {
            broker.send("c-\(index)", key: "k-\(index % 17)", #"{"amount":\#(Int.random(in: 0..<20, using: &random))}"#)
        }
        var ran = 0
        for _ in 0..<5 {
            let harness = try Harness(broker: broker, settings: settings) { _, command, _ in
                for _ in 0..<(command.amount ?? 0) { await Task.yield() }
                if command.amount == 7 { throw CommandError.rejected("NO") }
            }
            let commit = broker.committed("test.commands")
            let done = CompletedSet(metadata: commit?.metadata ?? "", base: commit?.offset ?? 0)?.offsets ?? []
            // An earlier round may have got further than it had to before it was cut off.
            let left = (0..<Int64(count)).count { $0 >= commit?.offset ?? 0 && !done.contains($0) }
            let running = await harness.start()
            let enough = min(Int.random(in: 10..<110, using: &random), left)
            await harness.journal.until { $0.ends.count >= enough }
            running.cut()
            try await running.stop()
            ran += harness.journal.value.starts.count
            for id in harness.journal.value.ids {
                let offset = Int64(id.dropFirst(2))!
                #expect(offset >= commit?.offset ?? 0 && !done.contains(offset), "\(id) was committed")
            }
        }
        let last = try Harness(broker: broker) { _, command, _ in
            if command.amount == 7 { throw CommandError.rejected("NO") }
        }
        let running = await last.start()
        await last.untilCommitted(Int64(count))
        try await running.stop()
        let outcomes = broker.records("test.results") + broker.records("test.failures")
        #expect(Set(outcomes.compactMap { $0.headerText("ce_subject") }).count == count)
        #expect(last.journal.value.overlaps == [])
    }
}

extension CompletedSet {
    init(offsets: Range<Int64>) {
        self.init()
        self.append(offsets)
    }
}
