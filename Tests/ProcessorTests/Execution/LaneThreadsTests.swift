import Testing

@testable import Processor

@Suite struct LaneThreadsTests {
    private static let second: Int64 = 1_000_000

    private final class Run {
        var threads = LaneThreads(base: 2, spares: 2)

        func end(_ thread: LaneThread) -> Bool { self.threads.end(thread) }

        func look(_ seconds: Int64, hasWork: Bool = true) -> LaneThreads.Relief {
            self.threads.relieve(now: seconds * LaneThreadsTests.second, after: LaneThreadsTests.second, hasWork)
        }
    }

    @Test func aThreadThatTakesOneJobAfterAnotherIsNotBlocked() {
        let run = Run()
        let first = run.threads.add()
        _ = run.threads.add()
        for time: Int64 in 1...5 {
            first.begin()
            #expect(run.look(time).newlyBlocked == 0)
            #expect(!run.end(first))
        }
        #expect(run.look(9).started.isEmpty)
    }

    @Test func blockedThreadsAreReplacedUpToTheBoundAndWhileThereIsWork() {
        let run = Run()
        let first = [run.threads.add(), run.threads.add()]
        for thread in first { thread.begin() }
        #expect(run.look(1).newlyBlocked == 0)
        let idle = run.look(2, hasWork: false)
        #expect(idle.newlyBlocked == 2)
        #expect(idle.started.isEmpty)
        let second = run.look(3)
        #expect(second.started.map(\.number) == [2, 3])
        #expect(!second.isExhausted)
        #expect(run.look(4).started.isEmpty)
        for thread in second.started { thread.begin() }
        _ = run.look(5)
        let last = run.look(6)
        #expect(last.blocked == 4)
        #expect(last.started.isEmpty)
        // Told once, not at every look.
        #expect(last.isExhausted)
        #expect(!run.look(7).isExhausted)
    }

    @Test func whenTheBlockedComeBackTheSurplusEnds() {
        let run = Run()
        let first = [run.threads.add(), run.threads.add()]
        for thread in first { thread.begin() }
        _ = run.look(1)
        #expect(run.look(2).started.count == 2)
        #expect(run.end(first[0]))
        run.threads.remove(first[0])
        #expect(run.end(first[1]))
        run.threads.remove(first[1])
        #expect(run.threads.free == 2)
        #expect(run.threads.blocked == 0)
    }
}
