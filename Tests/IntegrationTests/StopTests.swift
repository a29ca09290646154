import Foundation
import KafkaClient
import Testing

extension IntegrationTests {
    /// Stops, clean and not, and what the next worker makes of them.
    @Suite(.serialized) struct StopTests {
        @Test("SIGTERM under load: exit 0 within the grace period, the rest after a restart, nothing twice")
        func cleanStop() async throws {
            try await Lab.with { lab in
                var load = Load("term", count: 6_000, keys: 120, duration: #"{"min":1,"max":20}"#)
                load.hasLongTail = true
                try lab.sender.send(load)
                var worker = try lab.worker(["--concurrency", "40"])
                for share in 1...2 {
                    try lab.journal.wait("a part of the load") { $0.outcomes.count >= load.count * share / 4 }
                    let start = Date()
                    worker.signal(SIGTERM)
                    #expect(try worker.waitForExit(seconds: 90) == 0)
                    #expect(Date().timeIntervalSince(start) < 25)
                    #expect(lab.journal.now.outcomes.count < load.count, "the stop came under load")
                    worker = try lab.worker(["--concurrency", "40"])
                }
                try lab.journal.waitForOutcomes(of: load.ids)
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 90) == 0)
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.nothingTwice()
                found.firstOutcomesInOrder()
                found.noOverlap()
            }
        }

        @Test("SIGKILL under load and a restart: every command has its outcome, order per key holds")
        func crash() async throws {
            try await Lab.with { lab in
                let load = Load("kill", count: 6_000, keys: 120, duration: #"{"min":5,"max":60}"#)
                try lab.sender.send(load)
                let worker = try lab.worker(["--concurrency", "40"])
                try lab.journal.wait("a third of the load") { $0.outcomes.count >= load.count / 3 }
                worker.killNow()
                let next = try lab.worker(["--concurrency", "40"])
                try lab.journal.waitForOutcomes(of: load.ids)
                next.killNow()
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.idsStable()
                found.firstOutcomesInOrder()
                found.noOverlap()
                // At worst what ran, and what had finished since the last commit, half a second before.
                #expect(found.repeats < load.count / 3)
            }
        }

        @Test("SIGTERM while no broker answers: the worker ends when its grace period does, and nothing is lost")
        func stopWithoutBrokers() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("dark", count: 2_000, keys: 50, duration: #"{"min":1,"max":20}"#)
                try lab.sender.send(load)
                let worker = try lab.worker(
                    ["--concurrency", "20"],
                    settings: [
                        "ADJUTANT_WORKER_GRACE": "3s", "ADJUTANT_KAFKA_PROPERTIES_QUEUE_BUFFERING_MAX_MESSAGES": "200",
                    ])
                defer { worker.killNow() }
                try lab.journal.wait("a quarter of the load") { $0.outcomes.count >= load.count / 4 }
                try broker.takeDown()
                try worker.waitForError("broker connection")
                let start = Date()
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 90) == 0, "\(worker.tail)")
                #expect(Date().timeIntervalSince(start) < 20)
                try broker.bringUp()
                let next = try lab.worker(["--concurrency", "20"])
                try lab.journal.waitForOutcomes(of: load.ids)
                next.killNow()
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.idsStable()
                found.noOverlap()
            }
        }

        @Test("A second signal stops at once")
        func secondSignal() async throws {
            try await Lab.with { lab in
                let worker = try lab.worker()
                try lab.sender.send(CommandMessage(id: "long", key: "a", data: #"{"durationMs":20000}"#), partition: 0)
                try lab.sender.send(CommandMessage(id: "short", key: "b"), partition: 0)
                try lab.sender.flush()
                try lab.journal.waitForOutcomes(of: ["short"])
                worker.signal(SIGTERM)
                try worker.waitForError("stopping: what runs may finish")
                let start = Date()
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 20) == 143)
                #expect(Date().timeIntervalSince(start) < 10)
            }
        }
    }
}
