import Commands
import Synchronization
import Testing

@testable import Processor

/// Lane threads that fetch for themselves, as they do under load on few cores.
@Suite(.timeLimit(.minutes(10))) struct SharedIntakeTests {
    private func fill(_ harness: Harness, _ count: Int) {
        for index in 0..<count { harness.broker.send("c-\(index)", key: "k-\(index % 40)") }
    }

    private func isInOrder(_ harness: Harness) -> Bool {
        var last: [String: Int] = [:]
        for start in harness.journal.value.starts {
            guard let number = Int(start.id.dropFirst(2)), let key = start.key else { continue }
            if number < last[key, default: -1] { return false }
            last[key] = number
        }
        return true
    }

    @Test func lanesFetchABacklog() async throws {
        let harness = try Harness(settings: .testing { $0.cores = 2 })
        self.fill(harness, 600)
        let running = await harness.start()
        await harness.until("test.results", has: 600)
        await harness.untilCommitted(600)
        #expect(running.engine.turnsOfLanes.load(ordering: .relaxed) > 1)
        // Idle again: the intake thread polls, and what comes now is taken at once.
        while running.engine.isIntakeShared.load(ordering: .relaxed), !Task.isCancelled { await Task.yield() }
        harness.broker.send("d", key: "d")
        await harness.until("test.results", has: 601)
        try await running.stop()
        #expect(self.isInOrder(harness))
        #expect(harness.journal.value.overlaps == [])
    }

    @Test func onManyCoresTheyDoNot() async throws {
        let harness = try Harness(settings: .testing { $0.cores = 8 })
        self.fill(harness, 600)
        let running = await harness.start()
        await harness.until("test.results", has: 600)
        #expect(running.engine.turnsOfLanes.load(ordering: .relaxed) == 0)
        try await running.stop()
    }

    @Test func aHandlerThatKeepsTheThreadStopsNobody() async throws {
        let blockade = Blockade()
        let harness = try Harness(
            timeout: .seconds(600),
            settings: .testing {
                $0.cores = 2
                $0.threads = 2
            }
        ) { _, command, _ in
            if command.note == "block" { blockade.wait() }
        }
        self.fill(harness, 150)
        harness.broker.send("b", key: "b", #"{"note":"block"}"#)
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("b") }
        // More than was taken when the handler began to block.
        for index in 150..<600 { harness.broker.send("c-\(index)", key: "k-\(index % 40)") }
        await harness.until("test.results", has: 600)
        blockade.signal()
        await harness.until("test.results", has: 601)
        await harness.untilCommitted(601)
        try await running.stop()
        #expect(self.isInOrder(harness))
        #expect(harness.journal.value.overlaps == [])
    }

    @Test func partitionsAtTheirLimitComeBack() async throws {
        let harness = try Harness(
            settings: .testing {
                $0.cores = 2
                $0.lookAhead = 100
            })
        self.fill(harness, 700)
        let running = await harness.start()
        await harness.until("test.results", has: 700)
        await harness.untilCommitted(700)
        try await running.stop()
        #expect(self.isInOrder(harness))
    }
}
