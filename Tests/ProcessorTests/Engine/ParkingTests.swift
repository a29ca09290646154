import Commands
@testable import Processor
import Testing

/// Commands that wait for another attempt when their partition or the worker goes away, and a producer without room.
@Suite(.timeLimit(.minutes(10))) struct ParkingTests {
    private let clock = ManualClock()

    /// An engine with a command that was tried once, and a producer that takes nothing more.
    private func start() async throws -> (Harness, RunningEngine) {
        let settings = EngineSettings.testing {
            $0.grace = .seconds(25)
            $0.revokeGrace = .seconds(10)
        }
        let harness = try Harness(
            retry: .fixed(.seconds(600), attempts: 3), clock: self.clock.clock, settings: settings
        ) {
            _, command, context in
            if command.amount == 1, context.attempt == 1 {
                throw CommandError.transient("BUSY", retryAfter: .seconds(1))
            }
        }
        harness.broker.send("flaky", key: "a", #"{"amount":1}"#)
        harness.broker.send("fine", key: "b")
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        await harness.until(running) { $0.settling == 0 && $0.waitingForTime == 1 }
        running.sink.state.update { $0.queueLimit = 0 }
        return (harness, running)
    }

    private func polling(_ running: RunningEngine) async {
        let (polls, full) = (running.source.log.read { $0.polls }, running.sink.state.read { $0.fullAnswers })
        await running.source.log.until { $0.polls > polls + 5 }
        await running.sink.state.until { $0.fullAnswers > full + 2 }
    }

    /// The next owner runs it, and counts its attempts anew.
    private func runsAgain(_ harness: Harness) async throws {
        let commit = try #require(harness.broker.committed("test.commands"))
        #expect(commit.offset == 0)
        #expect(CompletedSet(metadata: commit.metadata, base: 0)?.offsets == [1])
        #expect(harness.broker.records("test.retry.5s").isEmpty)
        let other = await harness.start()
        await harness.until("test.audit", has: 3)
        try await other.stop()
        #expect(harness.journal.value.attempts("flaky") == [1, 1])
        #expect(harness.journal.value.attempts("fine") == [1])
    }

    @Test func aRevokeEndsWhenItsTimeIsUp() async throws {
        let (harness, running) = try await self.start()
        running.source.post(.revoked(harness.inputs, lost: false))
        await harness.untilRevoking(running)
        await self.polling(running)
        #expect(running.source.log.value.released.isEmpty)
        self.clock.advance(milliseconds: 10_001)
        await running.source.log.until { $0.released.count == 3 }
        try await running.stop()
        await harness.expectEmpty(running)
        try await self.runsAgain(harness)
    }

    @Test func aStopEndsWhenItsTimeIsUp() async throws {
        let (harness, running) = try await self.start()
        let stopping = Task { try await running.stop() }
        await harness.untilDraining(running)
        await self.polling(running)
        #expect(!running.source.log.value.isClosed)
        self.clock.advance(milliseconds: 25_001)
        try await stopping.value
        await harness.expectEmpty(running)
        try await self.runsAgain(harness)
    }

    @Test func aLossEndsItAtOnce() async throws {
        let (harness, running) = try await self.start()
        running.source.post(.revoked(harness.inputs, lost: false))
        await harness.untilRevoking(running)
        await self.polling(running)
        running.source.post(.revoked(harness.inputs, lost: true))
        await running.source.log.until { $0.released.count == 3 }
        try await running.stop()
        await harness.expectEmpty(running)
        #expect(harness.broker.records("test.retry.5s").isEmpty)
    }

    @Test(arguments: [false, true]) func whenThereIsRoomAgainTheAttemptIsKept(stops: Bool) async throws {
        let (harness, running) = try await self.start()
        let stopping = stops ? Task { try await running.stop() } : nil
        if stops {
            await harness.untilDraining(running)
        } else {
            running.source.post(.revoked(harness.inputs, lost: false))
            await harness.untilRevoking(running)
        }
        await self.polling(running)
        running.sink.state.update { $0.queueLimit = .max }
        await harness.until("test.retry.5s", has: 1)
        await harness.untilCommitted(2)
        try await stopping?.value
        if !stops {
            await running.source.log.until { $0.released.count == 3 }
            try await running.stop()
        }
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-attempt") == "1")
        #expect(harness.broker.records("test.retry.5s").count == 1)
        await harness.expectEmpty(running)
    }
}
