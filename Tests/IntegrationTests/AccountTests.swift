import Foundation
import PostgresClient
import PostgresServer
import Testing

extension IntegrationTests {
    /// Effectively once: money, with workers and the database killed again and again.
    @Suite(.serialized, .enabled(if: Shop.isPossible, "\(Shop.hint)"))
    struct AccountTests {
        @Test("SIGKILL of workers and crashes of the database: balances are right, each command has one effect")
        func balances() async throws {
            try await Self.run(count: 4_000, kills: 3, crashes: 2)
        }

        @Test(
            "20,000 commands, 15 SIGKILLs of workers, 8 crashes of the database",
            .enabled(if: Conditions.isSoak, "\(Conditions.soakHint)"))
        func balancesAtLength() async throws {
            try await Self.run(count: 20_000, kills: 15, crashes: 8)
        }

        private static func run(count: Int, kills: Int, crashes: Int) async throws {
            let seed = UInt64.random(in: 0..<1_000_000)
            FileHandle.standardError.write(Data("accounts: the seed is \(seed)\n".utf8))
            let accounts = Accounts(count: count, accounts: 100, seed: seed)
            try await Shop.with { shop in
                var workers = [try await shop.worker("w1"), try await shop.worker("w2")]
                defer { for worker in workers { worker.killNow() } }
                let troubles = (Array(repeating: true, count: kills) + Array(repeating: false, count: crashes))
                    .shuffled()
                let share = accounts.messages.count / (troubles.count + 1)
                var sent = 0
                for (number, isKill) in troubles.enumerated() {
                    // Into the midst of it.
                    let part = Array(accounts.messages[sent..<(sent + share)])
                    let goal = shop.journal.now.outcomes.count + Int.random(in: 0...(share / 3))
                    async let sending: Void = shop.send(part)
                    sent += share
                    try await blocking {
                        try shop.journal.wait("work of round \(number)") { $0.outcomes.count >= goal }
                    }
                    if isKill {
                        let place = Int.random(in: 0..<2)
                        let victim = workers[place]
                        try await blocking { victim.killNow() }
                        workers[place] = try await shop.worker("w\(number + 3)", waiting: false)
                    } else {
                        try await shop.database.stop(.immediate)
                        try await shop.database.start()
                    }
                    try await sending
                }
                try await shop.send(Array(accounts.messages[sent...]))
                try await shop.waitForOutcomes(of: accounts.ids, seconds: 300)
                for worker in workers { #expect(try await shop.stop(worker) == 0, "\(worker.tail)") }
                try await Self.check(accounts, shop)
            }
        }

        private static func check(_ accounts: Accounts, _ shop: Shop) async throws {
            let contents = try await blocking { try shop.journal.catchUp() }
            let found = Invariants(contents: contents)
            found.idsStable()
            #expect(Set(contents.outcomes.keys) == accounts.ids)
            let differing = contents.outcomes.filter { Set($0.value.map { $0.value ?? [] }).count > 1 }
            #expect(differing.count == 0, "repeats whose data differ: \(differing.keys.prefix(3))")
            let wrong = contents.outcomes.filter { id, events in
                events.contains { $0.topic.hasSuffix(".failures") != accounts.rejected.contains(id) }
            }
            #expect(wrong.count == 0, "the wrong outcome: \(wrong.keys.prefix(3))")
            #expect(contents.deadLetters.isEmpty)
            // The faults are not the commands': none counts as an attempt.
            let counted = contents.audits.values.joined().filter { $0.data["attempt"] as? Int != 1 }
            #expect(counted.count == 0, "attempts that count: \(counted.prefix(3).map(\.data))")

            var balances: [String: Accounts.Ledger] = [:]
            let rows = try await shop.query(
                """
                SELECT d.id, d.body->>'amount', coalesce(array_agg(x.r->>'id' ORDER BY x.n) FILTER (WHERE x.n > 0), '{}'),
                    coalesce(array_agg(x.r->>'amount' ORDER BY x.n) FILTER (WHERE x.n > 0), '{}')
                FROM adjutant.documents d
                LEFT JOIN LATERAL jsonb_array_elements(d.body->'refunds') WITH ORDINALITY AS x(r, n) ON true
                WHERE d.collection = 'commerce.payments' GROUP BY d.id, d.body
                """)
            for row in rows {
                let refunds = zip(try row.get(2, as: [String].self), try row.get(3, as: [String].self))
                balances[try row.get(0)] = Accounts.Ledger(
                    amount: Accounts.cents(try row.get(1)) ?? -1,
                    refunds: refunds.map { Accounts.Refund(id: $0, cents: Accounts.cents($1) ?? -1) })
            }
            #expect(balances.count == accounts.expected.count)
            let off = accounts.expected.filter { balances[$0.key] != $0.value }
            #expect(off.count == 0, "accounts that are off: \(off.keys.prefix(3))")
            let finished: Int = try await shop.query(
                "SELECT count(*) FROM adjutant.commands WHERE finished_at IS NOT NULL AND attempts = 1"
            ).only.get(0)
            #expect(finished == accounts.ids.count)
            let repeats = contents.outcomes.values.count { $0.count > 1 }
            FileHandle.standardError.write(
                Data("accounts: \(accounts.messages.count) records, \(repeats) commands with a repeated outcome\n".utf8)
            )
        }
    }
}
