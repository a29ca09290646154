import Commands
import Foundation
import Synchronization
import Testing

@testable import Processor

/// Types that ask for strict order: a command that waits for its retry holds the later ones of its key, here and at the
/// next owner.
@Suite(.timeLimit(.minutes(10))) struct StrictOrderTests {
    private static let place = TopicPartition("test.commands", 0)
    private let clock = ManualClock()

    private func harness(_ broker: MemoryBroker = MemoryBroker(), grace: Duration = .seconds(25)) throws -> Harness {
        try Harness(
            broker: broker, retry: .fixed(.seconds(60), attempts: 3), strictOrder: true, clock: self.clock.clock,
            settings: .testing { $0.grace = grace }
        ) { _, command, context in
            if context.attempt <= command.amount ?? 0 { throw CommandError.transient("BUSY") }
        }
    }

    /// A key with a command that fails twice and one behind it, and another key.
    private func send(_ broker: MemoryBroker) {
        broker.send("a-1", key: "a", #"{"amount":2}"#)
        broker.send("a-2", key: "a")
        broker.send("b-1", key: "b")
    }

    private func memo(_ state: MemoryBroker.State, _ offset: Int64 = 0) -> RetryMemo? {
        guard let commit = state.committed[Self.place] else { return nil }
        return CommitMetadata(text: commit.metadata, base: commit.offset)?.memos[offset]
    }

    private func completed(_ state: MemoryBroker.State) -> CompletedSet {
        let commit = state.committed[Self.place]
        return CommitMetadata(text: commit?.metadata ?? "", base: commit?.offset ?? 0)?.completed ?? CompletedSet()
    }

    @Test func laterCommandsOfTheKeyWait() async throws {
        let harness = try self.harness()
        self.send(harness.broker)
        let running = await harness.start()
        for attempt in 1...2 {
            await harness.until("test.audit", has: 1 + attempt)
            await harness.until(running) { $0.waitingForTime == 1 }
            self.clock.advance(milliseconds: 59_999)
            await harness.turns(running)
            #expect(harness.journal.value.attempts("a-1").count == attempt)
            self.clock.advance(milliseconds: 1)
        }
        await harness.until("test.results", has: 3)
        await harness.untilCommitted(3)
        try await running.stop()
        #expect(harness.journal.value.starts.filter { $0.key == "a" }.map(\.id) == ["a-1", "a-1", "a-1", "a-2"])
        #expect(harness.journal.value.attempts("a-1") == [1, 2, 3])
        #expect(["test.retry.5s", "test.retry.1m"].allSatisfy { harness.broker.records($0).isEmpty })
        await harness.expectEmpty(running)
    }

    @Test(arguments: ["stop", "crash", "revoke"]) func theNextOwnerGoesOnWhereTheLastOneWas(end: String) async throws {
        let broker = MemoryBroker()
        let first = try self.harness(broker, grace: end == "crash" ? .zero : .seconds(25))
        self.send(broker)
        let running = await first.start()
        await first.until("test.audit", has: 2)
        await broker.state.until { self.memo($0)?.attempts == 1 && self.completed($0).contains(2) }
        #expect(self.memo(broker.state.value)?.due == self.clock.milliseconds + 60_000)
        switch end {
        case "crash": running.cut()
        case "revoke":
            running.source.post(.revoked(first.inputs, lost: false))
            await running.source.log.until { $0.released.count == 3 }
        default: break
        }
        if end != "revoke" { try await running.stop() }

        self.clock.advance(milliseconds: 20_000)
        let second = try self.harness(broker)
        let next = await second.start()
        await second.until(next) { $0.waitingForTime == 1 }
        self.clock.advance(milliseconds: 39_999)
        await second.turns(next)
        #expect(second.journal.value.ids == [])
        self.clock.advance(milliseconds: 1)
        await second.until("test.audit", has: 3)
        await second.until(next) { $0.waitingForTime == 1 }
        self.clock.advance(milliseconds: 60_000)
        await second.untilCommitted(3)
        try await next.stop()
        if end == "revoke" { try await running.stop() }
        #expect(second.journal.value.ids == ["a-1", "a-1", "a-2"])
        #expect(second.journal.value.attempts("a-1") == [2, 3])
        #expect(broker.committed("test.commands") == OffsetCommit(partition: Self.place, offset: 3, metadata: ""))
        #expect(["test.retry.5s", "test.retry.1m"].allSatisfy { broker.records($0).isEmpty })
    }

    /// More keys wait than the commit's metadata can tell of: the attempts of those past the bound are counted anew, and
    /// order holds for them too.
    @Test func atTheBoundOrderHoldsAndSomeAttemptsAreCountedAnew() async throws {
        let broker = MemoryBroker()
        let keys = 300
        let first = try self.harness(broker)
        for index in 0..<keys {
            broker.send("\(index)-1", key: "k-\(index)", #"{"amount":1}"#)
            broker.send("\(index)-2", key: "k-\(index)")
        }
        let running = await first.start()
        await first.until("test.audit", has: keys)
        await first.until(running) { $0.waitingForTime == keys }
        try await running.stop()
        let commit = try #require(broker.committed("test.commands"))
        #expect(commit.offset == 0)
        #expect(commit.metadata.utf8.count <= 4096)
        let memos = try #require(CommitMetadata(text: commit.metadata, base: 0)).memos
        #expect(memos.count >= 30 && memos.count < keys)
        #expect(memos.keys.sorted() == (0..<memos.count).map { Int64($0 * 2) })
        #expect(memos.values.allSatisfy { $0.attempts == 1 })

        let second = try self.harness(broker)
        let next = await second.start()
        let anew = keys - memos.count
        await second.until("test.audit", has: keys + anew)
        await second.until(next) { $0.waitingForTime == keys }
        #expect(second.journal.value.starts.count == anew)
        self.clock.advance(milliseconds: 60_000)
        await second.untilCommitted(Int64(keys * 2))
        try await next.stop()
        let starts = second.journal.value.starts
        for index in 0..<keys {
            let mine = starts.filter { $0.key == "k-\(index)" }.map { "\($0.id) \($0.attempt)" }
            let isKept = index < memos.count
            let expected = (isKept ? [] : ["\(index)-1 1"]) + ["\(index)-1 2", "\(index)-2 1"]
            if mine != expected { Issue.record("k-\(index): \(mine)") }
        }
    }

    /// The waiting ones count against the look-ahead: their partition stops there, and nothing is lost.
    @Test func whatWaitsIsBoundedByTheLookAhead() async throws {
        let broker = MemoryBroker(partitions: 2)
        let harness = try Harness(
            broker: broker, retry: .fixed(.seconds(60)), strictOrder: true, clock: self.clock.clock,
            settings: .testing { $0.lookAhead = 20 }
        ) { _, command, context in
            if context.attempt <= command.amount ?? 0 { throw CommandError.transient("BUSY") }
        }
        broker.send("a-0", key: "a", #"{"amount":1}"#)
        for index in 1..<100 { broker.send("a-\(index)", key: "a") }
        for index in 0..<100 { broker.send("b-\(index)", key: "b", partition: 1) }
        let running = await harness.start()
        await harness.until("test.results", has: 100)
        await running.source.log.until { $0.paused == [Self.place] }
        #expect(harness.journal.value.starts.count { $0.key == "a" } == 1)
        let taken = running.engine.dispatcher.withLock { $0.slots[Self.place]!.progress.unfinished }
        #expect(taken <= 20 + Dispatcher.smallestPoll.records)
        await harness.until(running) { $0.waitingForTime == 1 }
        self.clock.advance(milliseconds: 60_000)
        await harness.until("test.results", has: 200)
        try await running.stop()
        let expected = ["a-0"] + (0..<100).map { "a-\($0)" }
        #expect(harness.journal.value.ids.filter { $0.hasPrefix("a") } == expected)
    }

    /// By way of a retry topic, however long the wait is, the key's later commands would overtake it.
    @Test func notBeforeIsWaitedForInPlace() async throws {
        let harness = try self.harness()
        harness.broker.send("a-1", key: "a", extra: [("ce_notbefore", "2026-01-01T00:01:00Z")])
        harness.broker.send("a-2", key: "a")
        let running = await harness.start()
        await harness.until(running) { $0.waitingForTime == 1 }
        #expect(harness.journal.value.ids == [])
        self.clock.advance(milliseconds: 60_000)
        await harness.until("test.results", has: 2)
        try await running.stop()
        #expect(harness.journal.value.ids == ["a-1", "a-2"])
        #expect(harness.broker.records("test.retry.1m").isEmpty)
    }
}
