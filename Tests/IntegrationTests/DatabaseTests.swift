import Commands
import Foundation
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

extension IntegrationTests {
    /// Workers and their database when one of them does what it should not.
    @Suite(.serialized, .enabled(if: Shop.isPossible, "\(Shop.hint)"))
    struct DatabaseTests {
        private static func payment(_ id: String, key: String = "ada") -> CommandMessage {
            CommandMessage(
                id: id, key: key,
                data: """
                    {"userId":"\(key)","amount":"10.00","currency":"EUR","paymentMethod":"card","gateway":"acme"}
                    """, type: "payment.process")
        }

        private static func refund(_ id: String, of payment: String) -> CommandMessage {
            CommandMessage(
                id: id, key: "ada",
                data: """
                    {"paymentId":"\(payment)","userId":"ada","amount":"4.00","currency":"EUR","reason":"returned"}
                    """, type: "refund.process")
        }

        /// A session that holds the document of a payment, so that whoever wants it waits inside a transaction.
        private static func hold(_ payment: String, _ shop: Shop) async throws -> PostgresConnection {
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: shop.database.url), logger: .silent)
            try await connection.script("BEGIN")
            let rows = try await connection.query(
                "SELECT 1 FROM adjutant.documents WHERE id = $1 FOR UPDATE", [.text(payment)])
            #expect(rows.count == 1)
            return connection
        }

        /// Waits until a worker waits for a lock inside a handler's transaction.
        private static func waitForWaiter(_ shop: Shop) async throws {
            let limit = ContinuousClock.now + .seconds(180)
            while try await shop.query(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'adjutant'"
            ).only.get(0, as: Int.self) == 0 {
                guard ContinuousClock.now < limit else { throw HarnessError("nobody waits for the lock") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        private static func effects(_ shop: Shop, of payment: String) async throws -> Int {
            try await shop.query(
                "SELECT jsonb_array_length(body->'refunds') FROM adjutant.documents WHERE id = $1", [.text(payment)]
            ).only.get(0)
        }

        @Test("a worker frozen inside a transaction: another one takes over, and the effect is one")
        func frozen() async throws {
            try await Shop.with(partitions: 2) { shop in
                let frozen = try await shop.worker("frozen")
                defer { frozen.killNow() }
                try await shop.send([Self.payment("p")])
                try await shop.waitForOutcomes(of: ["p"])
                let holder = try await Self.hold("p", shop)
                try await shop.send([Self.refund("r", of: "p")])
                try await Self.waitForWaiter(shop)
                frozen.signal(SIGSTOP)
                // Its transaction now has the lock, and nobody goes on with it.
                try await holder.script("COMMIT")
                holder.close()
                let other = try await shop.worker("other")
                defer { other.killNow() }
                try await shop.waitForOutcomes(of: ["r"])
                frozen.signal(SIGCONT)
                try await shop.send([Self.payment("q")])
                try await shop.waitForOutcomes(of: ["q"])
                #expect(try await shop.stop(frozen) == 0, "\(frozen.tail)")
                #expect(try await shop.stop(other) == 0, "\(other.tail)")
                #expect(try await Self.effects(shop, of: "p") == 1)
                let contents = try await blocking { try shop.journal.catchUp() }
                Invariants(contents: contents).idsStable()
                #expect(contents.audits.values.joined().allSatisfy { $0.data["attempt"] as? Int == 1 })
                #expect(contents.audits["r"]?.count { $0.auditKind == "succeeded" } == 1)
            }
        }

        @Test("SIGTERM with a transaction that waits: the worker ends in time, and the command is left to the next one")
        func stopped() async throws {
            try await Shop.with(partitions: 2) { shop in
                let worker = try await shop.worker("w1", settings: ["ADJUTANT_WORKER_GRACE": "2s"])
                defer { worker.killNow() }
                try await shop.send([Self.payment("p")])
                try await shop.waitForOutcomes(of: ["p"])
                let holder = try await Self.hold("p", shop)
                try await shop.send([Self.refund("r", of: "p")])
                try await Self.waitForWaiter(shop)
                // The lock is held until after that.
                #expect(try await shop.stop(worker, seconds: 60) == 0, "\(worker.tail)")
                try await holder.script("COMMIT")
                holder.close()
                #expect(try await Self.effects(shop, of: "p") == 0)
                let next = try await shop.worker("w2")
                defer { next.killNow() }
                try await shop.waitForOutcomes(of: ["r"])
                #expect(try await shop.stop(next) == 0, "\(next.tail)")
                #expect(try await Self.effects(shop, of: "p") == 1)
                let contents = try await blocking { try shop.journal.catchUp() }
                #expect(contents.audits["r"]?.map(\.auditKind) == ["succeeded"])
            }
        }

        @Test("the database is away when a worker starts work, and comes back: everything is done once")
        func away() async throws {
            try await Shop.with(partitions: 4) { shop in
                let worker = try await shop.worker("w1")
                defer { worker.killNow() }
                try await shop.database.stop(.fast)
                let ids = (0..<200).map { "p-\($0)" }
                try await shop.send(ids.map { Self.payment($0, key: "user-\($0.count)") })
                try await blocking { try worker.waitForError("the database does not do what it is asked") }
                try await shop.database.start()
                try await shop.waitForOutcomes(of: Set(ids))
                #expect(try await shop.stop(worker) == 0, "\(worker.tail)")
                let contents = try await blocking { try shop.journal.catchUp() }
                let found = Invariants(contents: contents)
                found.nothingTwice()
                #expect(contents.audits.values.joined().allSatisfy { $0.auditKind == "succeeded" })
            }
        }

        @Test("a worker that starts before its database waits for it")
        func early() async throws {
            try await Shop.with(partitions: 2) { shop in
                try await shop.database.stop(.fast)
                let worker = try await shop.worker("early", waiting: false)
                defer { worker.killNow() }
                try await blocking { try worker.waitForError("the database cannot be reached yet") }
                try await shop.database.start()
                _ = try await blocking { try worker.waitForOutput("ready") }
                try await shop.send([Self.payment("p")])
                try await shop.waitForOutcomes(of: ["p"])
                #expect(try await shop.stop(worker) == 0, "\(worker.tail)")
            }
        }

        @Test(
            "a worker whose partitions are another one's by the database alone says so and ends; started anew it goes on"
        )
        func fenced() async throws {
            try await Shop.with(partitions: 2) { shop in
                let worker = try await shop.worker("fenced", settings: ["ADJUTANT_WORKER_FENCED_GRACE": "1s"])
                defer { worker.killNow() }
                _ = try await shop.query("UPDATE adjutant.owners SET epoch = epoch + 1, worker = 'another'")
                try await shop.send([Self.payment("p")])
                try await blocking { try worker.waitForError("another worker owns a partition by the database") }
                let code = try await blocking { try worker.waitForExit(seconds: 90) }
                #expect(code == 1, "\(worker.tail)")
                #expect(worker.errors.all.contains { $0.contains("owner") && $0.contains("another") })
                let next = try await shop.worker("next")
                defer { next.killNow() }
                try await shop.waitForOutcomes(of: ["p"])
                #expect(try await shop.stop(next) == 0, "\(next.tail)")
                let contents = try await blocking { try shop.journal.catchUp() }
                #expect(contents.audits["p"]?.map(\.auditKind) == ["succeeded"])
            }
        }

        @Test("a worker runs with the rights that the documentation gives it, and no others")
        func leastPrivilege() async throws {
            let page = Executable.packageRoot.appendingPathComponent(
                "Sources/Adjutant/Documentation.docc/EffectivelyOnce.md")
            let text = try String(contentsOf: page, encoding: .utf8)
            let blocks = text.components(separatedBy: "```sql\n").dropFirst().map {
                $0.components(separatedBy: "```")[0]
            }
            let grants = try #require(blocks.first { $0.contains("GRANT") })
            try await Shop.with(partitions: 2) { shop in
                let first = try await shop.worker("owner")
                #expect(try await shop.stop(first) == 0, "\(first.tail)")
                let owner = try await PostgresConnection.connect(
                    PostgresConfiguration(url: shop.database.url), logger: .silent)
                defer { owner.close() }
                try await owner.script(grants)
                try await owner.script("ALTER ROLE adjutant_worker PASSWORD 'secret'")
                let worker = try await shop.worker(
                    "least", url: shop.database.url(user: "adjutant_worker", password: "secret"),
                    settings: ["ADJUTANT_DATABASE_MIGRATE": "false"])
                defer { worker.killNow() }
                var failing = Self.payment("bad", key: "bob")
                failing.data = "{}"
                failing.attributes["batchid"] = "b-1"
                try await owner.query(
                    "INSERT INTO adjutant.batches (id, name, domain, total, closed_at) VALUES ('b-1', 'b', 'commerce', 1, now())"
                )
                // As a handler does it, in its transaction.
                let handler = try await PostgresConnection.connect(
                    PostgresConfiguration(url: shop.database.url(user: "adjutant_worker", password: "secret")),
                    logger: .silent)
                defer { handler.close() }
                try await handler.transaction { transaction in
                    let store = ScheduleStore(transaction)
                    try await store.add(
                        ScheduleDraft(
                            domain: "commerce", type: "system.run",
                            data: Array(#"{"action":"ping","parameters":{}}"#.utf8), timing: .after(.zero)))
                    let other = try await store.add(
                        ScheduleDraft(domain: "commerce", type: "system.run", timing: .after(.seconds(3600))))
                    try await store.cancel(other.id)
                }
                try await shop.send([
                    Self.payment("p"), Self.refund("r", of: "p"), Self.payment("p"), failing,
                ])
                try await shop.waitForOutcomes(of: ["p", "r", "bad"])
                // A schedule's command goes by way of the outbox; a batch is completed by its last command.
                try await blocking {
                    try shop.journal.wait("the schedule's command") { contents in
                        contents.outcomes.values.joined().contains { $0.type == "system.run.succeeded" }
                    }
                    try shop.journal.wait("the batch's completion") { contents in
                        contents.events.contains { $0.type.contains("batch") }
                    }
                }
                #expect(try await shop.stop(worker) == 0, "\(worker.tail)")
                let complaints = worker.errors.all.filter { $0.contains("permission denied") }
                #expect(complaints.isEmpty)
                #expect(try await Self.effects(shop, of: "p") == 1)
            }
        }
    }
}
