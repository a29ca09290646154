import Foundation
import PostgresServer
import Testing

@testable import PostgresClient

@Suite("Connection", .needsServer, .timeLimit(.minutes(10)))
struct ConnectionTests {
    @Test("values of every type, arrays and nulls come back as they went")
    func values() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            let id = UUID()
            let row = try await connection.query(
                """
                SELECT $1::bool, $2::int4, $3::int8, $4::float8, $5::text, $6::bytea, $7::uuid, $8::timestamptz,
                    $9::jsonb, $10::text, $8::timestamptz::text AS moment
                """,
                [
                    .bool(true), .int4(-5), .int64(.min), .double(1.5), .text("Grüße 🎈"), .bytes([0, 255, 1]),
                    .uuid(id), .timestamp(PostgresTimestamp(microseconds: 1_700_000_000_123_456)),
                    .json(#"{"a": [1, null]}"#), .null,
                ]
            ).only
            #expect(try row.get(0) == true)
            #expect(try row.get(1) == Int32(-5))
            #expect(try row.get(1) == -5)
            #expect(try row.get(2) == Int64.min)
            #expect(try row.get(3) == 1.5)
            #expect(try row.get(4) == "Grüße 🎈")
            #expect(try row.get(5) == [UInt8]([0, 255, 1]))
            #expect(try row.get(6) == id)
            #expect(try row.get(7) == PostgresTimestamp(microseconds: 1_700_000_000_123_456))
            #expect(try row.get(8) == #"{"a": [1, null]}"#)
            #expect(try row.get(9) == String?.none)
            #expect(try row.get("moment", as: String.self).hasPrefix("2023-11-14 22:13:20.123456"))
            #expect(throws: PostgresError.self) { try row.get(9, as: String.self) }
            #expect(throws: PostgresError.self) { try row.get(4, as: Int64.self) }
            #expect(throws: PostgresError.self) { try row.get("absent", as: String.self) }

            let texts: [String?] = ["a", nil, "", "{\"q,\\"]
            let numbers: [Int64?] = [1, nil, .max]
            let arrays = try await connection.query(
                """
                SELECT $1::text[], $2::int8[], $3::bytea[], $4::int4[], $5::timestamptz[], $6::bool[], $7::text[],
                    (SELECT count(*) FROM unnest($1::text[], $2::int8[]))
                """,
                [
                    .texts(texts), .int64s(numbers), .bytes([[1, 0], []]), .int4s([Int32(7)]),
                    .timestamps([PostgresTimestamp(microseconds: 0)]), .bools([true, nil, false]), .texts([String]()),
                ]
            ).only
            #expect(try arrays.get(0) == texts)
            #expect(try arrays.get(1) == numbers)
            #expect(try arrays.get(2) == [[UInt8]]([[1, 0], []]))
            #expect(try arrays.get(3) == [Int32(7)])
            #expect(try arrays.get(4) == [PostgresTimestamp(microseconds: 0)])
            #expect(try arrays.get(5) == [Bool?]([true, nil, false]))
            #expect(try arrays.get(6) == [String]())
            #expect(try arrays.get(7) == 4)
        }
    }

    @Test("limits are set on every connection, also when the URL says otherwise")
    func limits() async throws {
        try await RealServer.withDatabase { database in
            let url = database.server.url + "&options=-c%20statement_timeout%3D0%20-c%20work_mem%3D1MB"
            var configuration = try PostgresConfiguration(url: url)
            configuration.statementTimeout = .milliseconds(12_345)
            let connection = try await PostgresConnection.connect(configuration, logger: RealServer.logger)
            let row = try await connection.query(
                """
                SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
                    current_setting('idle_in_transaction_session_timeout'), current_setting('work_mem'),
                    current_setting('application_name'), current_setting('jit')
                """
            ).only
            #expect(try row.get(0) == "12345ms")
            #expect(try row.get(1) == "10s")
            #expect(try row.get(2) == "15s")
            #expect(try row.get(3) == "1MB")
            #expect(try row.get(4) == "adjutant")
            #expect(try row.get(5) == "off")
        }
    }

    @Test("statements sent together stand or fall together, and the connection is usable after a failure")
    func together() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("CREATE TABLE t (id int8 PRIMARY KEY, name text NOT NULL)")
            let insert: PostgresStatement = "INSERT INTO t VALUES ($1, $2)"
            let rows = try await connection.run([
                PostgresCall(insert, [.int64(1), .text("a")]), PostgresCall(insert, [.int64(2), .text("b")]),
                PostgresCall("SELECT count(*) FROM t"),
            ])
            #expect(rows.map(\.affected) == [1, 1, 1])
            #expect(try rows[2].only.get(0) == 2)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run([
                    PostgresCall(insert, [.int64(3), .text("c")]), PostgresCall(insert, [.int64(1), .text("d")]),
                    PostgresCall("SELECT name FROM t WHERE id = $1", [.int64(3)]),
                ])
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.kind == .constraint("t_pkey"))
            #expect(error?.statementIndex == 1)
            #expect(error?.table == "t")
            // The statement that was skipped had not been prepared; it is now.
            let found = try await connection.query("SELECT name FROM t WHERE id = $1", [.int64(3)])
            #expect(found.isEmpty)
            #expect(try await connection.query("SELECT count(*) FROM t").only.get(0) == 2)
        }
    }

    @Test("a transaction commits what its body did, or nothing; a savepoint undoes its own only")
    func transaction() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("CREATE TABLE t (id int8 PRIMARY KEY)")
            let insert: PostgresStatement = "INSERT INTO t VALUES ($1)"
            try await connection.transaction { transaction in
                try await transaction.query(insert, [.int64(1)])
                try await transaction.savepoint { try await $0.query(insert, [.int64(2)]) }
                await #expect(throws: PostgresError.self) {
                    try await transaction.savepoint { inner in
                        try await inner.query(insert, [.int64(3)])
                        try await inner.savepoint { try await $0.query(insert, [.int64(4)]) }
                        try await inner.query(insert, [.int64(1)])
                    }
                }
                try await transaction.savepoint { _ in }
                try await transaction.query(insert, [.int64(5)])
            }
            struct Stop: Error {}
            await #expect(throws: Stop.self) {
                try await connection.transaction { transaction in
                    try await transaction.query(insert, [.int64(6)])
                    throw Stop()
                }
            }
            let ids = try await connection.query("SELECT id FROM t ORDER BY id").map { try $0.get(0, as: Int.self) }
            #expect(ids == [1, 2, 5])
        }
    }

    @Test("a savepoint whose first statement was cancelled before it was sent undoes nothing but itself")
    func cancelledSavepoint() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("CREATE TABLE t (id int8 PRIMARY KEY)")
            let insert: PostgresStatement = "INSERT INTO t VALUES ($1)"
            try await connection.transaction { transaction in
                try await transaction.savepoint { try await $0.query(insert, [.int64(1)]) }
                let cancelled = Task {
                    try await transaction.savepoint { inner in
                        while !Task.isCancelled { await Task.yield() }
                        try await inner.query(insert, [.int64(2)])
                    }
                }
                cancelled.cancel()
                await #expect(throws: CancellationError.self) { try await cancelled.value }
                try await transaction.savepoint { try await $0.query(insert, [.int64(3)]) }
            }
            let ids = try await connection.query("SELECT id FROM t ORDER BY id").map { try $0.get(0, as: Int.self) }
            #expect(ids == [1, 3])
        }
    }

    @Test("more parameters than the protocol can number are refused, and the connection is as good as before")
    func tooManyParameters() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT 1", Array(repeating: .int64(1), count: 70_000))
            }
            #expect(error?.code == .usage && error?.kind == .fatal)
            #expect(try await connection.query("SELECT 1").only.get(0, as: Int.self) == 1)
        }
    }

    @Test("COMMIT after a statement's swallowed failure is an error")
    func swallowed() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { transaction in
                    _ = try? await transaction.query("SELECT 1 / 0")
                }
            }
            #expect(error?.code == .rolledBack)
            #expect(error?.sqlState?.rawValue == "22012")
            // The server's own answer counts too, for what this side does not know of.
            let told = await #expect(throws: PostgresError.self) {
                try await connection.transaction { transaction in
                    try await transaction.query("ROLLBACK AND CHAIN")
                    try await transaction.query("ROLLBACK")
                    try await transaction.query("BEGIN")
                    _ = try? await connection.query("SELECT 1 / 0")
                }
            }
            #expect(told?.code == .rolledBack)
            #expect(try await connection.query("SELECT 1").only.get(0) == 1)
        }
    }

    @Test("tasks share a connection, and each gets its own answer")
    func shared() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<200 {
                    group.addTask {
                        (number, try await connection.query("SELECT $1::int8", [.int(number)]).only.get(0))
                    }
                }
                for try await (asked, answered) in group { #expect(asked == answered) }
            }
        }
    }

    @Test("values larger than the network takes at once, both ways")
    func large() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            let bytes = (0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let rows = try await connection.run([
                PostgresCall("SELECT $1::bytea", [.bytes(bytes)]), PostgresCall("SELECT length($1)", [.bytes(bytes)]),
            ])
            #expect(try rows[0].only.get(0) == bytes)
            #expect(try rows[1].only.get(0) == bytes.count)
        }
    }

    @Test("a task that prefers the connection's thread stays on it, also when the connection is lost")
    func ownThread() async throws {
        try await RealServer.withDatabase { database in
            let other = try await database.connect()
            let connection = try await database.connect()
            var ownThread: UInt?
            try await connection.onOwnThread {
                try await connection.query("SELECT 1")
                let thread = currentThread()
                ownThread = thread
                let backend = try await connection.transaction { transaction in
                    let backend = try await transaction.backend()
                    #expect(currentThread() == thread)
                    return backend
                }
                #expect(currentThread() == thread)
                try await other.terminate(backend)
                try await wait { !connection.isUsable }
                await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
                #expect(currentThread() == thread)
            }
            #expect(currentThread() != ownThread)
        }
    }

    @Test("a statement whose plan a change of the table made useless can be run again")
    func stalePlan() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("CREATE TABLE t (id int8)")
            try await connection.query("SELECT * FROM t")
            try await connection.query("ALTER TABLE t ADD COLUMN name text")
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT * FROM t") }
            #expect(error?.kind == .retry)
            #expect(try await connection.query("SELECT * FROM t").columnNames == ["id", "name"])
        }
    }

    @Test("a script runs several statements, and none of them when one fails")
    func script() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.script("CREATE TABLE t (id int8); INSERT INTO t VALUES (1), (2)")
            await #expect(throws: PostgresError.self) {
                try await connection.script("INSERT INTO t VALUES (3); SELECT 1 / 0")
            }
            #expect(try await connection.query("SELECT count(*) FROM t").only.get(0) == 2)
        }
    }

    @Test("COPY loads many rows, or none when its body or a row fails")
    func copy() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.query("CREATE TABLE t (id int8 PRIMARY KEY, name text)")
            let copy: PostgresStatement = "COPY t (id, name) FROM STDIN (FORMAT binary)"
            let copied = try await connection.copyIn(copy) { writer in
                for id in 0..<100_000 { try await writer.write([.int(id), id % 7 == 0 ? .null : .text("name \(id)")]) }
            }
            #expect(copied == 100_000)
            struct Stop: Error {}
            await #expect(throws: Stop.self) {
                try await connection.copyIn(copy) { writer in
                    try await writer.write([.int(-1), .null])
                    throw Stop()
                }
            }
            let error = await #expect(throws: PostgresError.self) {
                try await connection.copyIn(copy) { try await $0.write([.int(5), .null]) }
            }
            #expect(error?.sqlState == .uniqueViolation)
            let missing = await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY absent FROM STDIN (FORMAT binary)") { _ in }
            }
            #expect(missing?.sqlState == .undefinedTable)
            try await connection.transaction { transaction in
                try await transaction.copyIn(copy) { try await $0.write([.int(-2), .null]) }
            }
            let row = try await connection.query("SELECT count(*), count(name), min(id) FROM t").only
            #expect(try row.get(0) == 100_001)
            #expect(try row.get(1) == 100_000 - 14_286)
            #expect(try row.get(2) == -2)
        }
    }
}

/// Which thread the caller runs on.
private func currentThread() -> UInt { UInt(pthread_self()) }
