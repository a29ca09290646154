import Foundation
import Testing

extension IntegrationTests {
    /// The main job under load, without faults.
    @Suite(.serialized) struct LoadTests {
        @Test("10,000 commands in both modes over 200 keys: one outcome each, in order, with ids that never change")
        func manyCommands() async throws {
            try await Lab.with { lab in
                let load = Load("load", count: 10_000, keys: 200)
                try lab.sender.send(load)
                let first = try lab.worker()
                try lab.journal.waitForOutcomes(of: load.ids)
                first.signal(SIGTERM)
                #expect(try first.waitForExit(seconds: 90) == 0)

                let once = try lab.journal.catchUp()
                let found = Invariants(contents: once)
                found.nothingLost(load.ids)
                found.nothingTwice()
                found.firstOutcomesInOrder()
                found.noOverlap()
                for event in once.outcomes.values.joined() { Self.check(event) }

                // The same input again, by a group that has never seen it.
                let second = try lab.worker(["--group", "again"])
                try lab.journal.wait("a second outcome for every command") { contents in
                    contents.events.count >= once.events.count * 2
                }
                second.killNow()
                let twice = try lab.journal.catchUp()
                Invariants(contents: twice).idsStable()
                #expect(twice.outcomes.values.allSatisfy { $0.count == 2 })
                let audits = twice.audits.values.map { Set($0.map(\.id)).count }
                #expect(audits.allSatisfy { $0 == 1 }, "audit events of a repeat carry the same ids")
            }
        }

        /// The contract's names and values of a result event.
        private static func check(_ event: Event) {
            #expect(event.topic == "lab.results")
            #expect(event.type == "lab.run.succeeded")
            #expect(event.header("ce_source") == "adjutant/lab")
            #expect(event.header("ce_specversion") == "1.0")
            #expect(event.header("ce_causationid") == event.subject)
            #expect(event.header("ce_correlationid") == event.subject)
            #expect(event.header("adjutant-attempt") == "1")
            #expect(UUID(uuidString: event.id) != nil)
        }
    }
}
