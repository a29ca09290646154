import Foundation
import PostgresServer
import Testing

extension IntegrationTests {
    /// Aggregates in the database whose data suit JSON better than they suit PostgreSQL.
    @Suite(.serialized, .enabled(if: Shop.isPossible, "\(Shop.hint)"))
    struct StoredDocumentTests {
        private static func payment(_ id: String, metadata: String, userId: String = "ada") -> CommandMessage {
            CommandMessage(
                id: id, key: id,
                data: """
                    {"userId":"\(userId)","amount":"10.00","currency":"EUR","paymentMethod":"card","gateway":"acme",
                    "metadata":{"value":\(metadata)}}
                    """, type: "payment.process")
        }

        private static func refund(_ id: String, of payment: String) -> CommandMessage {
            CommandMessage(
                id: id, key: payment,
                data: """
                    {"paymentId":"\(payment)","userId":"ada","amount":"4.00","currency":"EUR","reason":"returned"}
                    """, type: "refund.process")
        }

        @Test("what the database writes at length is read again; what it cannot keep fails at once")
        func values() async throws {
            try await Shop.with(partitions: 2) { shop in
                let worker = try await shop.worker("w")
                defer { worker.killNow() }
                let numbers = { (count: Int) in
                    "[" + Array(repeating: "1e100000", count: count).joined(separator: ",") + "]"
                }
                try await shop.send([
                    Self.payment("long", metadata: numbers(30)), Self.refund("long-refund", of: "long"),
                    Self.payment("longest", metadata: numbers(1000)), Self.payment("number", metadata: "1e200000"),
                    Self.payment("nul", metadata: #""a\u0000b""#),
                    Self.payment("user", metadata: "1", userId: #"a\u0000b"#),
                ])
                try await shop.waitForOutcomes(of: ["long", "long-refund", "longest", "number", "nul", "user"])
                let outcomes = shop.journal.now.outcomes
                for id in ["long", "long-refund"] {
                    #expect(outcomes[id]?.map(\.topic) == ["commerce.results"], "\(id)")
                }
                for (id, failureClass, code) in [
                    ("longest", "permanent", "DOCUMENT_TOO_LARGE"), ("number", "permanent", "VALUE_NOT_STORABLE"),
                    ("nul", "permanent", "VALUE_NOT_STORABLE"), ("user", "invalid", "INVALID"),
                ] {
                    let failure = outcomes[id]?.first?.data
                    #expect(failure?["class"] as? String == failureClass, "\(id)")
                    #expect(failure?["code"] as? String == code, "\(id)")
                    #expect(failure?["attempts"] as? Int == 1, "\(id)")
                }
                #expect(try await shop.stop(worker) == 0, "\(worker.tail)")
            }
        }
    }
}
