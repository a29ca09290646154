import Foundation
import Testing

extension IntegrationTests {
    /// Minutes of chaos; they print what they measured.
    @Suite(.serialized, .enabled(if: Conditions.isSoak, "\(Conditions.soakHint)"))
    struct SoakTests {
        @Test("SIGKILL 30 times under a load of 50,000 commands over 500 keys")
        func killThirtyTimes() async throws {
            try await Lab.with(partitions: 32) { lab in
                let load = Load("soak", count: 50_000, keys: 500, duration: #"{"min":2,"max":60}"#)
                try lab.sender.send(load)
                let options = ["--concurrency", "40"]
                for kill in 1...30 {
                    let worker = try lab.worker(options + ["--name", "w\(kill)"])
                    let seen = lab.journal.now.outcomes.count
                    let share = Int.random(in: 100...1_500)
                    try lab.journal.wait("work of round \(kill)") { $0.outcomes.count >= min(load.count, seen + share) }
                    worker.killNow()
                }
                let atLastKill = try lab.journal.catchUp().outcomes.count
                let last = try lab.worker(["--concurrency", "200"])
                try lab.journal.waitForOutcomes(of: load.ids, seconds: 300)
                last.signal(SIGTERM)
                #expect(try last.waitForExit(seconds: 90) == 0)

                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.idsStable()
                found.firstOutcomesInOrder()
                found.noOverlap()
                #expect(atLastKill < load.count, "the kills came under load")
                // What ran, and what had finished within the half second since the last commit.
                #expect(found.repeats < 30 * 1_500)
                print(
                    "soak: 30 kills, \(load.count) commands, \(atLastKill) with an outcome at the last kill, "
                        + "\(found.repeats) commands ran more than once (\(found.repeats / 30) a kill)")
            }
        }

        @Test("Three workers join and leave every 10 s for 3 minutes")
        func joinAndLeave() async throws {
            try await Lab.with(partitions: 32) { lab in
                let load = Load("churn", count: 54_000, keys: 400, duration: #"{"min":2,"max":40}"#)
                var sent = 0
                var slots: [Program?] = [nil, nil, nil]
                defer { for worker in slots { worker?.killNow() } }
                let start = Date()
                let seconds = 180.0
                func sendWhatIsDue() throws {
                    let due = min(load.count, Int(Date().timeIntervalSince(start) / seconds * Double(load.count)))
                    guard due > sent else { return }
                    try lab.sender.send(load, sent..<due)
                    sent = due
                }
                var changes = 0
                while Date().timeIntervalSince(start) < seconds {
                    // One of the three goes or comes; at least one stays.
                    let slot = changes % 3
                    if let worker = slots[slot], slots.count(where: { $0 != nil }) > 1 {
                        worker.signal(SIGTERM)
                        #expect(try worker.waitForExit(seconds: 90) == 0, "\(worker.tail)")
                        slots[slot] = nil
                    } else if slots[slot] == nil {
                        slots[slot] = try lab.startWorker(["--concurrency", "40", "--name", "w\(slot)-\(changes)"])
                    }
                    changes += 1
                    let next = start.addingTimeInterval(Double(changes) * 10)
                    while Date() < next {
                        try sendWhatIsDue()
                        Thread.sleep(forTimeInterval: 0.05)
                    }
                }
                try lab.sender.send(load, sent..<load.count)
                try lab.journal.waitForOutcomes(of: load.ids, seconds: 300)
                for worker in slots.compactMap(\.self) {
                    worker.signal(SIGTERM)
                    #expect(try worker.waitForExit(seconds: 90) == 0, "\(worker.tail)")
                }
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.idsStable()
                found.firstOutcomesInOrder()
                found.noOverlap()
                print(
                    "soak: \(changes) joins and leaves, \(load.count) commands, \(found.repeats) ran more than once")
            }
        }
    }
}
