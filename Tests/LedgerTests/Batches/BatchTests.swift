import Commands
import JSONCoding
import PostgresClient
import Synchronization
import Testing

@testable import Ledger

/// Remembers what it is told.
private final class Witness: BatchObserver {
    private let batches = Mutex<[Batch]>([])

    var seen: [Batch] { self.batches.withLock { $0 } }

    func batchCompleted(_ batch: Batch) async { self.batches.withLock { $0.append(batch) } }
}

@Suite(.timeLimit(.minutes(10))) struct BatchTests {
    /// Counts rows as a worker's statement does: `done` stands for the rows that it has just written.
    private func finish(
        _ rows: [(batch: String?, state: String, class: String?)], shard: Int = 0, replays: Int32 = 0,
        on session: some PostgresSession
    ) async throws -> Int {
        let statement = PostgresStatement(
            trusted: """
                WITH done AS (
                    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::bool[], $6::int4[])
                        AS d(batch_id, state, class, dead_lettered, replays)
                ), \(BatchProgressSQL.expression(done: "done", shard: "$1::int8::int4"))
                SELECT batch_id FROM batch_progress
                """)
        return try await session.query(
            statement,
            [
                .int(shard), .texts(rows.map(\.batch)), .texts(rows.map(\.state)), .texts(rows.map(\.class)),
                .bools(rows.map { ["exhausted", "permanent", "poison", "unhandled"].contains($0.class) }),
                .int4s(rows.map { _ in replays }),
            ]
        ).count
    }

    private func succeed(_ count: Int, of batch: String, shard: Int = 0, on session: some PostgresSession) async throws
    {
        _ = try await self.finish(
            Array(repeating: (batch, "succeeded", nil), count: count), shard: shard, on: session)
    }

    @Test("Every way to end is counted in its place, and only once")
    func counting() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        try await store.create(id: "b", name: "import", domain: "lab", total: 20)
        #expect(try await store.find("b")?.state == .pending)
        let classes: [String?] = FailureClass.allCases.map { $0.rawValue }.filter { $0 != "transient" }
        let rows: [(batch: String?, state: String, class: String?)] =
            classes.map { ("b", $0 == "expired" || $0 == "cancelled" ? $0! : "failed", $0) }
            + [("b", "succeeded", nil), ("b", "succeeded", nil), ("b", "retrying", "transient")]
            + [("nobody's", "succeeded", nil), (nil, "succeeded", nil)]
        #expect(try await self.finish(rows, on: database.connection) == 1)
        #expect(try await self.finish(rows, shard: 63, on: database.connection) == 1)
        #expect(try await self.finish(rows, replays: 1, on: database.connection) == 0)
        let batch = try #require(try await store.find("b"))
        #expect(batch.counts.succeeded == 4)
        #expect(batch.counts.failedByClass.map(\.count) == Array(repeating: 2, count: 7))
        #expect(batch.counts.cancelled == 2)
        #expect(batch.counts.deadLettered == 8)
        #expect(batch.counts.finished == 20)
        #expect(batch.waiting == 0)
        #expect(batch.state == .inProgress)
        // Cancelled commands are told apart from those that failed.
        let told = FailureClass.allCases.filter { ![.transient, .cancelled].contains($0) }
        #expect(batch.summary.failed == Dictionary(uniqueKeysWithValues: told.map { ($0, 2) }))
        #expect(batch.summary.succeeded == 4)
    }

    @Test("A worker leaves the batches of other domains to their workers")
    func domains() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        for domain in ["lab", "shop"] {
            try await store.create(id: domain, name: "b", domain: Domain(domain), total: 0)
        }
        let connection = database.connection
        #expect(try await BatchCompletion.complete(nil, domains: [], on: connection).isEmpty)
        #expect(try await BatchCompletion.complete(["lab"], domains: ["shop"], on: connection).isEmpty)
        #expect(try await BatchCompletion.complete(nil, domains: ["shop"], on: connection).map(\.id) == ["shop"])
        #expect(try await BatchCompletion.complete(["lab", "shop"], on: connection).map(\.id) == ["lab"])
    }

    @Test("Each state", arguments: [("failed", Batch.State.completedWithFailures), ("succeeded", .completed)])
    func completion(last: String, state: Batch.State) async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        try await store.create(id: "b", name: "import", domain: "lab", total: 3)
        try await self.succeed(2, of: "b", on: database.connection)
        #expect(try await BatchCompletion.complete(nil, on: database.connection).isEmpty)
        _ = try await self.finish(
            [("b", last, last == "failed" ? "rejected" : nil)], shard: 1, on: database.connection)
        let completed = try await BatchCompletion.complete(["b"], on: database.connection)
        #expect(completed.map(\.state) == [state])
        #expect(try await BatchCompletion.complete(nil, on: database.connection).isEmpty)
        let row = try await database.connection.query(
            """
            SELECT topic, convert_from(key, 'UTF8'), convert_from(value, 'UTF8'),
                convert_from(header_values[array_position(header_names, 'ce_type')], 'UTF8'),
                convert_from(header_values[array_position(header_names, 'ce_id')], 'UTF8')
            FROM adjutant.outbox
            """
        ).only
        #expect(try row.get(0, as: String.self) == "lab.results")
        #expect(try row.get(1, as: String.self) == "b")
        #expect(try row.get(3, as: String.self) == "adjutant.batch.completed")
        #expect(try row.get(4, as: String.self) == Identifier.eventID(kind: "batch.completed", commandID: "b"))
        let data = try FastJSONDecoder().decode(JSONValue.self, from: Array(row.get(2, as: String.self).utf8))
        #expect(data["state"]?.stringValue == state.rawValue)
        #expect(data["total"] == 3)
        #expect(data["failed"] == (last == "failed" ? ["rejected": 1] : [:]))
    }

    @Test("Writers side by side: every command is counted, and completion is told once")
    func concurrency() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        let batches = (0..<5).map { "b\($0)" }
        for id in batches { try await store.create(id: id, name: "import", domain: "lab", total: 8 * 50 * 4) }
        let witness = Witness()
        let completers = (0..<3).map { _ in
            BatchCompleter(
                database.configuration, observers: [witness], pause: .milliseconds(1), logger: Database.logger)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for completer in completers { group.addTask { await completer.run() } }
            try await withThrowingTaskGroup(of: Void.self) { writers in
                for writer in 0..<8 {
                    writers.addTask {
                        let connection = try await database.connect()
                        defer { connection.close() }
                        for _ in 0..<50 {
                            // Two writers share each shard.
                            let rows: [(batch: String?, state: String, class: String?)] = (0..<20).map {
                                (batches[$0 % 5], "succeeded", nil)
                            }
                            try await connection.transaction { transaction in
                                _ = try await self.finish(rows, shard: writer / 2, on: transaction)
                            }
                            for completer in completers { completer.note(batches) }
                        }
                    }
                }
                try await writers.waitForAll()
            }
            try await database.wait(
                for: 5, seconds: 60, "SELECT count(*) FROM adjutant.batches WHERE completed_at IS NOT NULL")
            group.cancelAll()
        }
        #expect(try await database.count("SELECT count(*) FROM adjutant.outbox") == 5)
        #expect(witness.seen.map(\.id).sorted() == batches)
        #expect(witness.seen.allSatisfy { $0.state == .completed && $0.counts.succeeded == $0.total })
    }

    @Test("A batch whose last writer died before it looked is found all the same")
    func sweep() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        try await store.create(id: "b", name: "import", domain: "lab", total: 1)
        try await self.succeed(1, of: "b", on: database.connection)
        let completer = BatchCompleter(database.configuration, logger: Database.logger)
        let task = Task { await completer.run() }
        try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
        task.cancel()
        await task.value
    }

    @Test("An open batch does not complete before it is closed")
    func open() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        let batch = try await store.create(name: "import", domain: "lab")
        #expect(batch.closedAt == nil)
        try await store.extend(batch.id, by: 2)
        try await store.extend(batch.id, by: 1)
        try await self.succeed(3, of: batch.id, on: database.connection)
        #expect(try await BatchCompletion.complete(nil, on: database.connection).isEmpty)
        try await store.close(batch.id)
        #expect(try await BatchCompletion.complete(nil, on: database.connection).map(\.total) == [3])
        let late = await #expect(throws: LedgerError.self) { try await store.extend(batch.id, by: 1) }
        #expect(late?.kind == .conflict)
    }

    @Test("Cancelling finds the commands that have not run, by batch or one by one")
    func cancelling() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        try await store.create(id: "b", name: "import", domain: "lab", total: 3)
        try await store.create(id: "other", name: "import", domain: "lab", total: 3)
        try await self.succeed(1, of: "b", on: database.connection)
        #expect(try await store.cancel("b", reason: "wrong file", by: "ann").state == .cancelled)
        try await HistoryStore(database.connection).cancel("c3", domain: "lab", reason: "mistake", by: "bob")
        let rows = try await database.connection.query(
            CancellationSQL.lookup,
            [
                .texts(["lab", "lab", "lab", "lab", "shop"]), .texts(["c1", "c2", "c3", "c4", "c3"]),
                .texts(["b", "other", nil, "nobody's", nil]),
            ])
        let found = try rows.map { row in
            (
                try row.get("place", as: Int.self), try row.get("reason", as: String?.self),
                try row.get("actor", as: String?.self)
            )
        }.sorted { $0.0 < $1.0 }
        #expect(found.map(\.0) == [1, 3])
        #expect(found.map(\.1) == ["wrong file", "mistake"])
        #expect(found.map(\.2) == ["ann", "bob"])
        // What was cancelled ends, and then the batch is through; it stays cancelled.
        _ = try await self.finish(
            [("b", "cancelled", "cancelled"), ("b", "cancelled", "cancelled")], on: database.connection)
        #expect(try await BatchCompletion.complete(nil, on: database.connection).map(\.state) == [.cancelled])
        let again = await #expect(throws: LedgerError.self) { try await store.cancel("b") }
        #expect(again?.kind == .conflict)
        let missing = await #expect(throws: LedgerError.self) { try await store.cancel("nobody's") }
        #expect(missing?.kind == .notFound)
        let taken = await #expect(throws: LedgerError.self) {
            try await store.create(id: "b", name: "import", domain: "lab")
        }
        #expect(taken?.kind == .conflict)
    }

    @Test("Pages of batches, the newest first")
    func pages() async throws {
        let database = try await Database.make()
        let store = BatchStore(database.connection)
        for number in 0..<7 { try await store.create(name: "import", domain: number == 3 ? "shop" : "lab", total: 1) }
        let first = try await store.list(domain: "lab", limit: 4)
        let second = try await store.list(domain: "lab", after: first.next, limit: 4)
        #expect(first.rows.count == 4)
        #expect(second.rows.count == 2)
        #expect(second.next == nil)
        let times = (first.rows + second.rows).map(\.createdAt)
        #expect(times == times.sorted(by: >))
        #expect(try await store.list(running: true).rows.count == 7)
    }
}
