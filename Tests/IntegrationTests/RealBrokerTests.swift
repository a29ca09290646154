import Foundation
import Testing

extension IntegrationTests {
    /// What the embedded broker cannot do: take commits while a group rebalances, and static membership.
    @Suite(.serialized, .enabled(if: Conditions.bootstrap != nil, "\(Conditions.bootstrapHint)"))
    struct RealBrokerTests {
        private static func with(_ body: @escaping @Sendable (Lab) throws -> Void) async throws {
            try await blocking {
                let lab = try Lab(existing: try #require(Conditions.bootstrap))
                defer { lab.close() }
                try body(lab)
            }
        }

        @Test("A worker joins and one leaves under load: nothing runs twice")
        func joinAndLeave() async throws {
            try await Self.with { lab in
                try RebalanceTests.joinAndLeave(lab, name: "real-\(UUID().uuidString)").nothingTwice()
            }
        }

        @Test("The same with the cooperative protocol, and the first worker goes on with what it keeps")
        func cooperative() async throws {
            try await Self.with { lab in
                let options = RebalanceTests.cooperativeOptions
                let found = try RebalanceTests.joinAndLeave(
                    lab, name: "real-\(UUID().uuidString)", options: options
                ) { first in
                    let all = RebalanceTests.partitions(first, "partitions assigned").first ?? 0
                    let given = RebalanceTests.partitions(first, "partitions revoked")
                    #expect(!given.isEmpty && given.allSatisfy { $0 > 0 && $0 < all }, "\(given) of \(all)")
                    #expect(RebalanceTests.partitions(first, "partitions lost").isEmpty)
                }
                found.nothingTwice()
            }
        }

        @Test("A static member restarts: the others keep their partitions")
        func staticMembership() async throws {
            try await Self.with { lab in
                let session = ["ADJUTANT_KAFKA_PROPERTIES_SESSION_TIMEOUT_MS": "30000"]
                let instance = { ["-X", "group.instance.id=tests-\($0)", "--name", $0] }
                let first = try lab.worker(instance("first"), settings: session)
                defer { first.killNow() }
                var second = try lab.worker(instance("second"), settings: session)
                defer { second.killNow() }
                let load = Load("static-\(UUID().uuidString)", count: 2_000, keys: 50)
                try lab.sender.send(load, 0..<1_000)
                try lab.journal.wait("half of the load") { $0.outcomes.count >= 1_000 }
                let before = first.errors.all.count { $0.contains("partitions revoked") }
                second.killNow()
                second = try lab.worker(instance("second"), settings: session)
                try lab.sender.send(load, 1_000..<2_000)
                try lab.journal.waitForOutcomes(of: load.ids)
                #expect(first.errors.all.count { $0.contains("partitions revoked") } == before)
                Invariants(contents: try lab.journal.catchUp()).firstOutcomesInOrder()
            }
        }
    }
}
