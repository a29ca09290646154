import Commands
import Foundation
import KafkaClient
import Testing

extension IntegrationTests {
    /// Brokers that refuse, move, vanish and forget, under load. Each test names the invariant it checks.
    @Suite(.serialized) struct FaultTests {
        private static let session = "ADJUTANT_KAFKA_PROPERTIES_SESSION_TIMEOUT_MS"
        private static let options = ["--concurrency", "20"]

        /// Sends a load, starts a worker, makes trouble in the middle, and waits for all outcomes.
        ///
        /// - Returns: What was read in the end, with the worker stopped cleanly.
        private static func endure(
            _ lab: Lab, _ load: Load, options: [String] = [], settings: [String: String] = [:],
            trouble: (Program) throws -> Void
        ) throws -> Invariants {
            var load = load
            load.hasLongTail = true
            try lab.sender.send(load)
            let worker = try lab.worker(Self.options + options, settings: settings)
            defer { worker.killNow() }
            try lab.journal.wait("a quarter of the load") { $0.outcomes.count >= load.count / 4 }
            try trouble(worker)
            try lab.journal.waitForOutcomes(of: load.ids)
            worker.signal(SIGTERM)
            #expect(try worker.waitForExit(seconds: 90) == 0, "\(worker.tail)")
            let found = Invariants(contents: try lab.journal.catchUp())
            found.nothingLost(load.ids)
            found.idsStable()
            return found
        }

        @Test("Produce requests fail for a while: every outcome is stored, once and in order")
        func produceErrors() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("retriable", count: 2_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                // One request at a time. A real broker refuses what comes after a refused request, by its sequence
                // numbers, and the client counts on it: an answer to a later request vouches for the earlier ones.
                // The embedded broker looks at no sequence numbers, so that with more on the way records would be
                // reported as stored that are not.
                let found = try Self.endure(lab, load, options: ["-X", "max.in.flight.requests.per.connection=1"]) {
                    _ in
                    let errors: [KafkaError.Code?] = [.notEnoughReplicas, nil, .notLeader, .requestTimedOut, nil]
                    for _ in 0..<8 { broker.refuse(.produce, with: errors) }
                }
                found.nothingTwice()
                found.firstOutcomesInOrder()
                found.noOverlap()
            }
        }

        @Test("The producer fails for good: a new one takes over, nothing is lost, ids stay")
        func fatalProducerError() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("fatal", count: 2_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let found = try Self.endure(lab, load) { worker in
                    broker.refuse(.produce, with: [.outOfOrderSequence])
                    try worker.waitForError("a new producer has taken over")
                }
                // librdkafka reports what was queued and what was on its way in no common order.
                withKnownIssue(
                    "outcomes of one key may change places when a producer fails for good", isIntermittent: true
                ) {
                    found.firstOutcomesInOrder()
                }
                // The contract promises the order of runs.
                found.firstRunsInOrder()
                found.noOverlap()
            }
        }

        @Test("Outcomes that the broker calls too large: a note of their size goes out instead, and the worker goes on")
        func tooLarge() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("large", count: 1_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let found = try Self.endure(lab, load, options: ["-X", "max.in.flight.requests.per.connection=1"]) {
                    _ in
                    broker.refuse(.produce, with: Array(repeating: .messageTooLarge, count: 4))
                }
                found.noOverlap()
                let cut = found.contents.events.filter { $0.header("adjutant-truncated") != nil }
                #expect(!cut.isEmpty, "the fault did not strike")
                #expect(cut.allSatisfy { $0.data["truncated"] as? Bool == true })
            }
        }

        @Test("Commits are refused, then taken: they are tried again, and a clean stop repeats nothing")
        func commitErrors() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("commit", count: 2_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let first = try Self.endure(lab, load) { worker in
                    broker.refuse(.offsetCommit, with: [.rebalanceInProgress, .coordinatorLoading, .notCoordinator])
                    try worker.waitForError("commit failed, will be tried again")
                }
                first.nothingTwice()
                try Self.expectNothingLeft(lab, after: first)
            }
        }

        @Test("A commit that is refused as the worker stops: the last commit covers it")
        func lateCommitError() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("late", count: 500, keys: 50)
                try lab.sender.send(load)
                let worker = try lab.worker(Self.options)
                broker.refuse(.offsetCommit, with: [.rebalanceInProgress])
                try lab.journal.waitForOutcomes(of: load.ids)
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 90) == 0)
                try Self.expectNothingLeft(lab, after: Invariants(contents: try lab.journal.catchUp()))
            }
        }

        /// A worker that starts now finds nothing to do but a command sent after everything else.
        private static func expectNothingLeft(_ lab: Lab, after found: Invariants) throws {
            let worker = try lab.worker(Self.options)
            for partition in 0..<Int32(8) {
                try lab.sender.send(CommandMessage(id: "left-\(partition)", key: "left"), partition: partition)
            }
            try lab.sender.flush()
            try lab.journal.waitForOutcomes(of: Set((0..<8).map { "left-\($0)" }))
            worker.killNow()
            Invariants(contents: try lab.journal.catchUp()).nothingTwice()
        }

        @Test("The coordinator and the commands' leaders move: nothing is lost or run twice, commits go on")
        func moves() async throws {
            try await Lab.withFaults(brokers: 3) { lab, broker in
                try broker.moveCoordinator(group: "adjutant.lab", to: 1)
                let load = Load("moves", count: 3_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let found = try Self.endure(lab, load) { _ in
                    try broker.moveCoordinator(group: "adjutant.lab", to: 2)
                    for partition in 0..<Int32(8) {
                        try broker.moveLeader(topic: "lab.commands", partition: partition, to: 1 + (partition + 1) % 3)
                    }
                    try lab.journal.wait("half of the load") { $0.outcomes.count >= load.count / 2 }
                    try broker.moveCoordinator(group: "adjutant.lab", to: 3)
                }
                found.nothingTwice()
                found.firstOutcomesInOrder()
                found.noOverlap()
                try Self.expectNothingLeft(lab, after: found)
            }
        }

        @Test("The leaders of results and audit events move: every event is stored, once and in order")
        func eventLeadersMove() async throws {
            try await Lab.withFaults(brokers: 3) { lab, broker in
                let load = Load("leaders", count: 6_000, keys: 50, duration: #"{"min":5,"max":50}"#)
                // One request at a time, and one leader, for the reason given at `produceErrors`: what the new leader
                // takes must not be on its way before the old one has refused what comes first. Nor is that to be sent to
                // the old one again, so that a refusal's pause is longer than it takes to hear of the new one.
                let options = ["max.in.flight.requests.per.connection=1", "retry.backoff.ms=500"]
                let found = try Self.endure(lab, load, options: options.flatMap { ["-X", $0] }) { _ in
                    for (topic, partition) in [("lab.results", Int32(0)), ("lab.audit", 1), ("lab.results", 2)] {
                        func stored(_ contents: Journal.Contents) -> Int {
                            contents.events.count { $0.topic == topic && $0.record.partition == partition }
                        }
                        // One of them leads it already.
                        for leader in Int32(1)...3 {
                            let before = stored(lab.journal.now)
                            try broker.moveLeader(topic: topic, partition: partition, to: leader)
                            try lab.journal.wait("events from the new leader") {
                                stored($0) >= before + 30 || $0.outcomes.count == load.count
                            }
                        }
                    }
                }
                #expect(Set(found.contents.audits.keys) == load.ids, "commands without an audit event")
                found.nothingTwice()
                found.firstOutcomesInOrder()
                found.noOverlap()
            }
        }

        @Test("The brokers go and come back: the worker waits for them, nothing is lost, order holds")
        func outage() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("outage", count: 2_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let found = try Self.endure(lab, load) { worker in
                    try broker.takeDown()
                    try worker.waitForError("broker connection")
                    try broker.bringUp()
                }
                found.firstOutcomesInOrder()
                found.noOverlap()
            }
        }

        @Test("An acknowledgement is lost: the repeat carries the same id, and no offset ran ahead of it")
        func lostAcknowledgement() async throws {
            try await Lab.withFaults { lab, broker in
                // Long enough that outcomes are on their way all the time.
                let load = Load("ack", count: 6_000, keys: 100, duration: #"{"min":5,"max":20}"#)
                let found = try Self.endure(lab, load, settings: [Self.session: "10000"]) { _ in
                    try broker.setRoundTrip(milliseconds: 500)
                    let start = Int64(Date().timeIntervalSince1970 * 1000)
                    // The witness waits for its answers as well: younger outcomes than what it is shown are stored.
                    try lab.journal.wait("outcomes while answers are held back") { contents in
                        contents.events.last.map { $0.timestamp > start } ?? false
                    }
                    try broker.takeDown()
                    try broker.setRoundTrip(milliseconds: 0)
                    try broker.bringUp()
                }
                found.firstOutcomesInOrder()
                found.noOverlap()
                let records = found.contents.outcomes.values.joined().count
                // Whether an answer is on its way at that moment is the machine's affair; the rest must hold either way.
                withKnownIssue("the fault may find no answer to lose", isIntermittent: true) {
                    #expect(records > load.count, "the fault did not strike: no repeat in the log")
                }
            }
        }

        @Test("A member is thrown out of the group: it joins again, and nothing is lost")
        func thrownOut() async throws {
            try await Lab.withFaults { lab, broker in
                let load = Load("thrown", count: 2_000, keys: 50, duration: #"{"min":1,"max":10}"#)
                let found = try Self.endure(lab, load) { worker in
                    broker.refuse(.heartbeat, with: [.unknownMember])
                    try worker.waitForError("partitions lost")
                }
                found.firstOutcomesInOrder()
                found.noOverlap()
            }
        }
    }
}
