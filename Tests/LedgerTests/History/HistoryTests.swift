import Commands
import JSONCoding
import PostgresClient
import Testing

@testable import Ledger

@Suite(.timeLimit(.minutes(10))) struct HistoryTests {
    /// 2026-01-01T00:00:00Z.
    private static let start: Int64 = 1_767_225_600_000_000

    /// 100 commands: one a second, but for every ten that came at the same microsecond.
    private func fill(_ database: Database) async throws {
        try await database.connection.query(
            """
            INSERT INTO adjutant.commands (domain, id, type, key, state, class, code, attempts, correlation_id, actor,
                batch_id, received_at, started_at, finished_at, run, output)
            SELECT CASE WHEN n % 2 = 0 THEN 'lab' ELSE 'shop' END, 'c' || n / 2, CASE WHEN n % 5 = 0 THEN 'a.b' ELSE 'c.d' END,
                'k' || n % 10, CASE WHEN n % 10 = 7 THEN 'failed' WHEN n % 10 = 9 THEN 'retrying' ELSE 'succeeded' END,
                CASE WHEN n % 10 = 7 THEN 'rejected' WHEN n % 10 = 9 THEN 'transient' END,
                CASE WHEN n % 10 = 7 THEN 'DECLINED' WHEN n % 10 = 9 THEN 'BUSY' END, 1,
                CASE WHEN n BETWEEN 20 AND 22 THEN 'c5' END, CASE WHEN n % 25 = 0 THEN 'ann' END,
                CASE WHEN n < 30 THEN 'b1' END, t, t, CASE WHEN n % 10 <> 9 THEN t + interval '1 second' END, n,
                convert_to('{"n":' || n || '}', 'UTF8')
            FROM generate_series(0, 99) n, LATERAL (
                SELECT timestamptz '2026-01-01 00:00Z' + (n / 10 * 10) * interval '1 second' AS t) x
            """)
    }

    private func ids(_ filter: HistoryFilter, on database: Database) async throws -> [String] {
        try await HistoryStore(database.connection).search(filter).rows.map { "\($0.domain)/\($0.id)" }
    }

    @Test("Every field finds what it should")
    func search() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        func count(_ set: (inout HistoryFilter) -> Void) async throws -> Int {
            var filter = HistoryFilter()
            set(&filter)
            let found = try await self.ids(filter, on: database)
            return found.count
        }
        #expect(try await self.ids(HistoryFilter(), on: database).count == 100)
        #expect(try await count { $0.domain = "lab" } == 50)
        #expect(try await count { $0.id = "c7" } == 2)
        #expect(try await count { ($0.id, $0.domain) = ("c7", "lab") } == 1)
        #expect(try await count { $0.type = "a.b" } == 20)
        #expect(try await count { $0.key = "k3" } == 10)
        #expect(try await count { $0.state = "succeeded" } == 80)
        #expect(try await count { $0.state = "failed" } == 10)
        #expect(try await count { $0.failureClass = "rejected" } == 10)
        #expect(try await count { $0.code = "BUSY" } == 10)
        #expect(try await count { $0.actor = "ann" } == 4)
        #expect(try await count { $0.batchID = "b1" } == 30)
        // Three that belong to it, and the two commands whose id it is.
        #expect(try await count { $0.correlationID = "c5" } == 5)
        #expect(try await count { $0.since = Self.start + 50_000_000 } == 50)
        #expect(try await count { $0.until = Self.start + 50_000_000 } == 50)
        #expect(try await count { ($0.type, $0.batchID, $0.key) = ("a.b", "b1", "k5") } == 3)
        #expect(try await count { $0.id = "nobody's" } == 0)
    }

    @Test("Values are values, whatever they look like")
    func quoting() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        var filter = HistoryFilter()
        filter.key = "k' OR '1'='1"
        #expect(try await self.ids(filter, on: database).isEmpty)
        filter = HistoryFilter()
        filter.type = "?"
        filter.id = "$1"
        #expect(try await self.ids(filter, on: database).isEmpty)
    }

    @Test("Pages hold every command once, the latest first, also where times are equal")
    func pages() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        let store = HistoryStore(database.connection)
        var filter = HistoryFilter()
        var seen: [CommandRecord] = []
        repeat {
            let page = try await store.search(filter, limit: 7)
            seen += page.rows
            filter.after = try page.next.map { try PageCursor($0.text) }
        } while filter.after != nil
        #expect(seen.count == 100)
        #expect(Set(seen.map { "\($0.domain)/\($0.id)" }).count == 100)
        #expect(seen.map(\.receivedAt) == seen.map(\.receivedAt).sorted(by: >))
    }

    @Test("A cursor is a cursor", arguments: ["", "x", "W10", "WzEsMiwzXQ", "////"])
    func wrongCursor(_ text: String) {
        #expect(throws: LedgerError.self) { _ = try PageCursor(text) }
    }

    @Test("One command with its output and events")
    func show() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        try await database.connection.query(
            """
            INSERT INTO adjutant.events (domain, command_id, event, attempt, class, code, worker)
            VALUES ('lab', 'c4', 'retried', 1, 'transient', 'BUSY', 'w1'), ('shop', 'c4', 'failed', 1, 'x', 'Y', 'w2')
            """)
        let store = HistoryStore(database.connection)
        let found = try await store.find("c4", domain: "lab")
        #expect(found.count == 1)
        #expect(found.first?.record.output == Array(#"{"n":8}"#.utf8))
        #expect(found.first?.record.correlationID == "c4")
        #expect(found.first?.events.map(\.event) == ["retried"])
        #expect(found.first?.events.first?.code == "BUSY")
        #expect(try await store.find("c4").map(\.record.domain) == ["lab", "shop"])
        #expect(try await store.find("nobody's").isEmpty)
    }

    @Test("Cancelled before it arrives or between attempts, not after its outcome")
    func cancel() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        let store = HistoryStore(database.connection)
        try await store.cancel("later", domain: "lab", reason: "why not")
        try await store.cancel("later", domain: "lab")
        // 9 is between attempts.
        try await store.cancel("c4", domain: "shop")
        let error = await #expect(throws: LedgerError.self) { try await store.cancel("c4", domain: "lab") }
        #expect(error?.kind == .conflict)
        #expect(error?.message.contains("succeeded") == true)
        #expect(try await database.count("SELECT count(*) FROM adjutant.cancellations") == 2)
    }

    @Test("Retention removes what ended before, in small transactions, and nothing else")
    func prune() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        try await database.connection.query(
            """
            INSERT INTO adjutant.events (domain, command_id, event, attempt)
            SELECT domain, id, 'retried', 1 FROM adjutant.commands
            """)
        let store = HistoryStore(database.connection)
        try await store.cancel("never came", domain: "lab")
        try await BatchStore(database.connection).create(id: "old", name: "x", domain: "lab", total: 0)
        try await BatchStore(database.connection).create(id: "running", name: "x", domain: "lab", total: 1)
        _ = try await BatchCompletion.complete(nil, on: database.connection)
        let schedules = ScheduleStore(database.connection)
        let cancelled = try await schedules.add(ScheduleDraft(domain: "lab", type: "a.b", timing: .after(.seconds(9))))
        try await schedules.cancel(cancelled.id)
        try await schedules.add(ScheduleDraft(domain: "lab", type: "a.b", timing: .after(.seconds(9))))
        // The first fifty ended before; five of them have not ended at all.
        let time = Self.start + 50_000_000
        #expect(try await store.countPrunable(before: time) == 45)
        var steps: [Int] = []
        let pruned = try await store.prune(before: time, batchSize: 8) { steps.append($0.commands) }
        #expect(pruned.commands == 45)
        #expect(steps.count >= 6)
        #expect(zip([0] + steps, steps).allSatisfy { $1 - $0 <= 8 })
        #expect(pruned.cancellations + pruned.schedules + pruned.batches == 0)
        #expect(try await database.count("SELECT count(*) FROM adjutant.commands") == 55)
        #expect(try await database.count("SELECT count(*) FROM adjutant.events") == 55)
        #expect(
            try await database.count(
                "SELECT count(*) FROM adjutant.commands WHERE received_at < '2026-01-01 00:00:50Z'")
                == 5)
        // Another one waits for an attempt that never came.
        try await database.connection.query(
            """
            UPDATE adjutant.commands SET due_at = '2026-01-01 00:00:49Z'
            WHERE id = (SELECT min(id) FROM adjutant.commands
                WHERE finished_at IS NULL AND received_at < '2026-01-01 00:00:50Z')
            """)
        #expect(try await store.countPrunable(before: time) == 1)
        #expect(try await store.prune(before: time).commands == 1)
        let rest = try await store.prune(before: schedules.now())
        #expect(rest.commands == 45)
        #expect(rest.cancellations == 1)
        #expect(rest.schedules == 1)
        #expect(rest.batches == 1)
        #expect(try await database.count("SELECT count(*) FROM adjutant.commands WHERE finished_at IS NULL") == 9)
        #expect(try await database.count("SELECT count(*) FROM adjutant.batches WHERE id = 'running'") == 1)
    }

    @Test("What is to be cancelled stays until it is, however late its attempt: the cancellation would be forgotten")
    func pruneBesideCancellations() async throws {
        let database = try await Database.make()
        try await database.connection.query(
            """
            INSERT INTO adjutant.commands (domain, id, type, state, attempts, received_at, finished_at, due_at, run)
            SELECT 'lab', 'c' || n, 'a.b', CASE WHEN n < 2 THEN 'retrying' ELSE 'cancelled' END, 1, t,
                CASE WHEN n >= 2 THEN t END, CASE WHEN n < 2 THEN t END, n
            FROM generate_series(0, 3) n, (SELECT timestamptz '2026-01-01 00:00Z' AS t) x
            """)
        // Of the two that wait for an attempt, and of the two that ended.
        try await database.connection.query(
            """
            INSERT INTO adjutant.cancellations (domain, id, requested_at)
            SELECT 'lab', id, '2026-01-01 00:00Z' FROM unnest(ARRAY['c0', 'c2']) id
            """)
        let store = HistoryStore(database.connection)
        let time = Self.start + 1_000_000
        #expect(try await store.countPrunable(before: time) == 3)
        let pruned = try await store.prune(before: time)
        #expect(pruned.commands == 3)
        let left = try await database.connection.query("SELECT id FROM adjutant.cancellations")
        #expect(try left.map { try $0.get(0, as: String.self) } == ["c0"])
        #expect(try await database.count("SELECT count(*) FROM adjutant.commands WHERE id = 'c0'") == 1)
    }

    @Test("Retention waits for nobody")
    func pruneBesideLocks() async throws {
        let database = try await Database.make()
        try await self.fill(database)
        let other = try await database.connect()
        defer { other.close() }
        try await other.transaction { transaction in
            try await transaction.query("SELECT FROM adjutant.commands WHERE domain = 'lab' AND id = 'c0' FOR UPDATE")
            let pruned = try await HistoryStore(database.connection).prune(before: Self.start + 50_000_000)
            #expect(pruned.commands == 44)
        }
    }

    @Test("The rare is found by its index")
    func plans() async throws {
        let database = try await Database.make()
        try await database.connection.query(
            """
            INSERT INTO adjutant.commands (domain, id, type, key, state, attempts, received_at, run)
            SELECT 'lab', 'x' || n, 'a.b', 'k' || n, 'succeeded', 1, now() - n * interval '1 second', n
            FROM generate_series(1, 20000) n
            """)
        try await database.connection.query("ANALYZE adjutant.commands")
        func plan(_ set: (inout HistoryFilter) -> Void) async throws -> String {
            var filter = HistoryFilter()
            set(&filter)
            let conditions = filter.conditions(domains: ["lab"])
            let rows = try await database.connection.query(
                PostgresStatement(
                    trusted: """
                        EXPLAIN SELECT * FROM adjutant.commands \(conditions.clause)
                        ORDER BY received_at DESC, id DESC, domain DESC LIMIT 10
                        """, isPrepared: false), conditions.parameters)
            return try rows.map { try $0.get(0, as: String.self) }.joined(separator: "\n")
        }
        #expect(try await plan { $0.key = "k7" }.contains("commands_key"))
        #expect(try await plan { $0.id = "x7" }.contains("commands_pkey"))
        #expect(try await plan { $0.correlationID = "x7" }.contains("commands_correlation"))
        #expect(try await plan { $0.correlationID = "x7" }.contains("commands_pkey"))
        #expect(try await plan { $0.code = "NOPE" }.contains("commands_unsuccessful"))
        #expect(try await plan { $0.state = "failed" }.contains("commands_unsuccessful"))
        #expect(try await plan { $0.batchID = "b" }.contains("commands_batch"))
        #expect(try await plan { $0.actor = "b" }.contains("commands_actor"))
        #expect(try await plan { $0.type = "a.b" }.contains("commands_received"))
    }
}
