import Foundation
import Testing

extension IntegrationTests {
    /// Several workers of one group.
    @Suite(.serialized) struct RebalanceTests {
        @Test("A worker joins and one leaves under load: nothing lost, order holds, no key in two places at once")
        func joinAndLeave() async throws {
            try await Lab.with { lab in
                let found = try Self.joinAndLeave(lab, name: "members")
                // A real broker takes commits while a group rebalances, and nothing runs twice. The embedded one
                // refuses them from the join of a member on for the session's length less a second, so that what
                // finished meanwhile is repeated: see `RealBrokerTests` for the promise itself.
                #expect(found.repeats < 4_000)
            }
        }

        /// The embedded broker answers commits that come during a rebalance after it, with an error by which librdkafka
        /// takes the whole assignment for lost: what a member keeps, and that little repeats, can be seen on a real
        /// broker only, see `RealBrokerTests`.
        @Test("The cooperative protocol: nothing lost, order holds, no key in two places at once")
        func cooperative() async throws {
            try await Lab.with { lab in
                _ = try Self.joinAndLeave(lab, name: "cooperative", options: Self.cooperativeOptions)
            }
        }

        /// librdkafka keeps a partition's pause beyond its revocation: one that came back would be read no more.
        @Test("Partitions that were paused when they were revoked are read again", arguments: [false, true])
        func paused(cooperative: Bool) async throws {
            try await Lab.with { lab in
                _ = try Self.joinAndLeave(
                    lab, name: "paused", options: cooperative ? Self.cooperativeOptions : [],
                    settings: ["ADJUTANT_WORKER_LOOK_AHEAD": "40"])
            }
        }

        static let cooperativeOptions = ["-X", "partition.assignment.strategy=cooperative-sticky"]

        /// The numbers of partitions in a worker's log.
        static func partitions(_ worker: Program, _ message: String) -> [Int] {
            worker.errors.all.filter { $0.contains(message) }.compactMap { line in
                line.firstMatch(of: /count=([0-9]+)/).flatMap { Int($0.1) }
            }
        }

        /// - Parameter joined: Called when both workers are at work.
        static func joinAndLeave(
            _ lab: Lab, name: String, options: [String] = [], settings: [String: String] = [:],
            joined: (Program) -> Void = { _ in }
        ) throws -> Invariants {
            let load = Load(name, count: 8_000, keys: 160, duration: #"{"min":1,"max":30}"#)
            try lab.sender.send(load, 0..<4_000)
            let options = ["--concurrency", "20"] + options
            let first = try lab.worker(options + ["--name", "first"], settings: settings)
            defer { first.killNow() }
            try lab.journal.wait("work of the first") { $0.outcomes.count >= 500 }
            let before = lab.journal.now.events.count
            let second = try lab.worker(options + ["--name", "second"], settings: settings)
            defer { second.killNow() }
            try lab.sender.send(load, 4_000..<8_000)
            try lab.journal.wait("work of the second") { contents in
                contents.events[before...].contains { $0.data["worker"] as? String == "second" }
            }
            joined(first)
            first.signal(SIGTERM)
            #expect(try first.waitForExit(seconds: 90) == 0)
            try lab.journal.waitForOutcomes(of: load.ids)
            second.signal(SIGTERM)
            #expect(try second.waitForExit(seconds: 90) == 0)

            let found = Invariants(contents: try lab.journal.catchUp())
            found.nothingLost(load.ids)
            found.idsStable()
            found.firstOutcomesInOrder()
            found.noOverlap()
            #expect(Set(found.runs.values.joined().map(\.worker)) == ["first", "second"])
            return found
        }

        @Test("A frozen worker that wakes after its partitions went elsewhere commits nothing and loses nothing")
        func zombie() async throws {
            try await Lab.with { lab in
                let load = Load("frozen", count: 4_000, keys: 80, duration: #"{"min":1,"max":20}"#)
                try lab.sender.send(load, 0..<2_000)
                let options = ["--concurrency", "20"]
                let frozen = try lab.worker(options + ["--name", "frozen"])
                try lab.journal.wait("work before the frost") { $0.outcomes.count >= 500 }
                frozen.signal(SIGSTOP)
                try lab.sender.send(load, 2_000..<4_000)
                let heir = try lab.worker(options + ["--name", "heir"])
                try lab.journal.wait("work of the heir") { contents in
                    contents.events.contains { $0.data["worker"] as? String == "heir" }
                }
                frozen.signal(SIGCONT)
                try lab.journal.waitForOutcomes(of: load.ids)
                for worker in [frozen, heir] {
                    worker.signal(SIGTERM)
                    #expect(try worker.waitForExit(seconds: 90) == 0)
                }
                let found = Invariants(contents: try lab.journal.catchUp())
                found.nothingLost(load.ids)
                found.idsStable()
                found.firstOutcomesInOrder()
                // What it had in hand when it froze may run twice, and nothing else.
                #expect(found.repeats < 2_000)
            }
        }
    }
}
