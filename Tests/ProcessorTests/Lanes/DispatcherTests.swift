import Commands
import Testing

@testable import Processor

@Suite struct DispatcherTests {
    @Test func aLaneRunsOneAtATimeInOrder() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<3).map { _ in stage.accept(slot, lane: 1) }
        #expect(stage.take() === works[0])
        #expect(stage.take() == nil)
        stage.settle(works[0])
        #expect(stage.take() === works[1])
        stage.settle(works[1])
        // Acknowledgements of successes hold nobody up, in whatever order they come; but were the second command
        // finished before the first one, a crash now would run the first one again, behind it.
        stage.acknowledge(works[1])
        #expect(slot.progress.base == 0)
        #expect(!slot.progress.hasCompletedAbove)
        #expect(stage.take() === works[2])
        stage.settle(works[2])
        stage.acknowledge(works[0])
        #expect(slot.progress.base == 2)
        stage.acknowledge(works[2])
        #expect(slot.progress.base == 3)
        #expect(stage.dispatcher.remains == "")
    }

    /// The one that can never be written steps aside; what waited behind it is finished.
    @Test func whatIsStuckHoldsUpNoOtherOffsetOfItsLane() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<4).map { _ in stage.accept(slot, lane: 1) }
        for work in works {
            #expect(stage.take() === work)
            stage.settle(work)
        }
        stage.acknowledge(works[3])
        stage.acknowledge(works[1])
        #expect(stage.dispatcher.stuck(works[0]) == nil)
        #expect(slot.progress.completedAbove().offsets == [1])
        stage.acknowledge(works[2])
        #expect(slot.progress.completedAbove().offsets == [1, 2, 3])
        #expect(stage.dispatcher.isQuiet([slot.partition]))
        stage.dispatcher.remove([slot.partition])
        #expect(stage.dispatcher.remains == "")
    }

    @Test func commandsWithoutALaneRunTogether() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<3).map { _ in stage.accept(slot, lane: nil) }
        let taken = (0..<3).compactMap { _ in stage.take() }
        #expect(taken.map(\.record.offset) == [0, 1, 2])
        for work in works.reversed() {
            stage.settle(work, success: false)
            stage.acknowledge(work)
        }
        #expect(slot.progress.base == 3)
        #expect(stage.dispatcher.remains == "")
    }

    @Test func nothingStartsBehindAFailureBeforeItIsStored() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<3).map { _ in stage.accept(slot, lane: 1) }
        let other = stage.accept(slot, lane: 2)
        _ = stage.take()
        stage.settle(works[0], success: false)
        #expect(stage.take() === other)
        #expect(stage.take() == nil)
        stage.acknowledge(works[0])
        #expect(stage.take() === works[1])
    }

    @Test func aRetryInPlaceKeepsItsLane() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<2).map { _ in stage.accept(slot, lane: 1) }
        _ = stage.take()
        stage.retryInPlace(works[0], due: 500)
        #expect(stage.take() == nil)
        #expect(stage.dispatcher.releaseDue(now: 499) == 500)
        #expect(stage.take() == nil)
        #expect(stage.dispatcher.releaseDue(now: 500) == nil)
        #expect(stage.take() === works[0])
        stage.settle(works[0])
        #expect(stage.take() === works[1])
    }

    @Test func whatIsDueComesInTheOrderOfItsTime() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let due: [Int64] = [30, 10, 20, 10]
        let works = due.map { stage.accept(slot, lane: nil, due: $0) }
        #expect(stage.take() == nil)
        #expect(stage.dispatcher.releaseDue(now: 25) == 30)
        #expect([stage.take(), stage.take(), stage.take()].map { $0?.record.offset } == [1, 3, 2])
        #expect(stage.dispatcher.releaseDue(now: 30) == nil)
        #expect(stage.take() === works[0])
    }

    /// The attempt fails during the stop, and its delay is over before the intake looks.
    @Test func aRetryThatFallsDueDuringAStopIsFound() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let work = stage.accept(slot, lane: 1)
        _ = stage.take()
        #expect(stage.dispatcher.drain().isEmpty)
        stage.retryInPlace(work, due: 5)
        _ = stage.dispatcher.releaseDue(now: 10)
        #expect(stage.dispatcher.takeTriedOfEndingSlots().map(\.record.offset) == [0])
        #expect(stage.dispatcher.takeTriedOfEndingSlots().isEmpty)
    }

    @Test func aRetryThatFallsDueDuringARevokeIsFound() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let work = stage.accept(slot, lane: 1)
        _ = stage.take()
        #expect(stage.dispatcher.revoke([slot.partition], lost: false).isEmpty)
        stage.retryInPlace(work, due: 5)
        _ = stage.dispatcher.releaseDue(now: 10)
        #expect(stage.take() == nil)
        #expect(stage.dispatcher.takeTriedOfEndingSlots().map(\.record.offset) == [0])
    }

    /// The last attempt fails after the intake looked for such commands, and before it asks whether anything is left.
    @Test func aRetryAtTheEndOfARevokeIsNotForgotten() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let work = stage.accept(slot, lane: 1)
        _ = stage.take()
        _ = stage.dispatcher.revoke([slot.partition], lost: false)
        #expect(stage.dispatcher.takeTriedOfEndingSlots().isEmpty)
        stage.retryInPlace(work, due: 5)
        #expect(!stage.dispatcher.isQuiet([slot.partition]))
        #expect(!stage.dispatcher.isQuiet)
        let tried = stage.dispatcher.takeTriedOfEndingSlots()
        #expect(tried.map(\.record.offset) == [0])
        stage.park(tried)
        stage.acknowledge(work)
        #expect(stage.dispatcher.isQuiet([slot.partition]))
        #expect(stage.dispatcher.isQuiet)
    }

    /// The revoke's time is up just then: the lane goes on with what comes after the partition's return.
    @Test func aRetryThatNobodyTookKeepsNoLane() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let work = stage.accept(slot, lane: 1)
        _ = stage.take()
        _ = stage.dispatcher.revoke([slot.partition], lost: false)
        stage.retryInPlace(work, due: 5)
        stage.dispatcher.remove([slot.partition])
        #expect(stage.dispatcher.remains == "")
        let next = stage.accept(stage.assign(), lane: 1)
        #expect(stage.take() === next)
    }

    /// The group never committed anything for the partition: were its first offset, 0, committed now, a log that begins
    /// later would be out of range after a restart.
    @Test func aLateAnswerToAnEarlierCommitCommitsNothing() throws {
        let stage = try Stage()
        let slot = stage.assign()
        slot.progress.startAnywhere()
        stage.dispatcher.committed([slot.partition], failed: true)
        #expect(stage.dispatcher.commits().isEmpty)
        let work = stage.accept(slot, lane: 1)
        _ = stage.take()
        stage.settle(work)
        stage.acknowledge(work)
        #expect(stage.dispatcher.commits().map(\.offset) == [1])
        stage.dispatcher.committed([slot.partition], failed: true)
        #expect(stage.dispatcher.commits().map(\.offset) == [1])
    }

    /// Two rates at once: whoever is held by the type's keeps what the tenant's gave, or the two would take turns in
    /// refusing the oldest command.
    @Test func theTypesRateLeavesTheTenantsTokenAlone() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let gate = TypeGate(
            type: "test.run",
            limits: CommandLimits(
                rate: .init(1, per: .milliseconds(100)), tenantRate: .init(1, per: .seconds(1))))
        stage.dispatcher.gates.append(gate)
        let works = (0..<2).map { _ in stage.accept(slot, lane: nil) }
        #expect(stage.take() === works[0])
        #expect(stage.dispatcher.admit(works[0], by: gate, tenant: "other", now: 0) == nil)
        #expect(stage.take() === works[1])
        #expect(stage.dispatcher.admit(works[1], by: gate, tenant: "t", now: 0)?.by == .rate)
        _ = stage.dispatcher.releaseGates(now: 110_000)
        #expect(stage.take() === works[1])
        #expect(stage.dispatcher.admit(works[1], by: gate, tenant: "t", now: 110_000) == nil)
    }

    /// Released from its wait, and not yet taken, when the stop or the revoke comes.
    @Test(arguments: [false, true]) func aRetryInTheReadyQueueIsFound(stops: Bool) throws {
        let stage = try Stage()
        let slot = stage.assign()
        let work = stage.accept(slot, lane: 1)
        stage.accept(slot, lane: 2)
        _ = stage.take()
        stage.retryInPlace(work, due: 5)
        _ = stage.dispatcher.releaseDue(now: 10)
        let tried = stops ? stage.dispatcher.drain() : stage.dispatcher.revoke([slot.partition], lost: false)
        #expect(tried.map(\.record.offset) == [0])
        stage.park(tried)
        #expect(!stage.dispatcher.isQuiet([slot.partition]))
        stage.acknowledge(work)
        #expect(stage.dispatcher.isQuiet([slot.partition]))
        #expect(slot.progress.base == 1)
        #expect(stage.take() == nil)
    }

    @Test func revokedCommandsAreLetGoOf() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let running = stage.accept(slot, lane: 1)
        stage.accept(slot, lane: 1)
        stage.accept(slot, lane: 2)
        stage.accept(slot, lane: 3, due: 1000)
        #expect(stage.take() === running)
        #expect(stage.dispatcher.revoke([slot.partition], lost: false).isEmpty)
        stage.settle(running)
        #expect(stage.take() == nil)
        stage.acknowledge(running)
        #expect(stage.dispatcher.isQuiet([slot.partition]))
        #expect(stage.dispatcher.lastCommits(of: nil).map(\.offset) == [1])
        stage.dispatcher.remove([slot.partition])
        #expect(stage.dispatcher.remains == "")
        stage.accept(slot, lane: 1)
        #expect(stage.dispatcher.remains == "")
    }

    @Test func aLostPartitionIsNeverCommitted() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<2).map { stage.accept(slot, lane: UInt64($0)) }
        _ = (stage.take(), stage.take())
        stage.settle(works[0])
        stage.acknowledge(works[0])
        #expect(stage.dispatcher.revoke([slot.partition], lost: true).isEmpty)
        #expect(stage.dispatcher.commits().isEmpty)
        #expect(stage.dispatcher.lastCommits(of: nil).isEmpty)
        stage.dispatcher.remove([slot.partition])
        stage.dispatcher.abandoned(works[1])
        #expect(slot.progress.base == 1)
        #expect(stage.dispatcher.remains == "")
    }

    @Test func aPartitionIsFullAtItsLookAhead() throws {
        let stage = try Stage(
            .testing {
                $0.lookAhead = 4
                $0.lookAheadBytes = 1000
            })
        let slot = stage.assign()
        let works = (0..<4).map { _ in stage.accept(slot, lane: 1) }
        #expect(stage.dispatcher.isFull(slot))
        let other = stage.assign(1)
        #expect(!stage.dispatcher.isFull(other))
        stage.accept(other, lane: 2, bytes: 1000)
        #expect(stage.dispatcher.isFull(other))
        #expect(stage.take() === works[0])
        stage.settle(works[0])
        #expect(!stage.dispatcher.isRoomy(slot))
        stage.acknowledge(works[0])
        #expect(stage.dispatcher.isRoomy(slot))
    }

    @Test func anOutcomeThatCannotBeWrittenHoldsItsOffsetOnly() throws {
        let stage = try Stage()
        let slot = stage.assign()
        let works = (0..<3).map { _ in stage.accept(slot, lane: 1) }
        _ = stage.take()
        stage.settle(works[0], success: false)
        #expect(stage.take() == nil)
        #expect(stage.dispatcher.stuck(works[0]) == nil)
        #expect(stage.take() === works[1])
        // The other way round: known before the outcome is sent in full.
        #expect(stage.dispatcher.stuck(works[1]) == nil)
        stage.settle(works[1], success: false)
        #expect(stage.take() === works[2])
        stage.settle(works[2])
        stage.acknowledge(works[2])
        #expect(stage.dispatcher.isQuiet([slot.partition]))
        #expect(slot.progress.base == 0)
        #expect(slot.progress.completedAbove().offsets == [2])
        #expect(stage.dispatcher.inFlight == 2)
        stage.dispatcher.remove([slot.partition])
        #expect(stage.dispatcher.remains == "")
    }
}
