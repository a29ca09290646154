import PostgresServer
import Testing

@testable import PostgresClient

@Suite("Pool", .needsServer, .timeLimit(.minutes(10)))
struct PoolTests {
    @Test("many tasks share few connections")
    func shared() async throws {
        try await RealServer.withDatabase { database in
            // However busy the machine: what is asked is whether each of them gets its turn.
            try await database.withPool(.init(acquireTimeout: .seconds(60)), { $0.maxConnections = 3 }) { pool in
                try await pool.query("CREATE TABLE t (id int8)")
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            try await pool.withTransaction(onOwnThread: number % 2 == 0) {
                                try await $0.query("INSERT INTO t VALUES ($1)", [.int(number)])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await pool.query("SELECT count(DISTINCT id) FROM t").only.get(0) == 100)
                #expect(pool.counts.open <= 3 && pool.counts.waiting == 0)
            }
        }
    }

    @Test("a wait for a connection ends in time, or when its task is cancelled")
    func waits() async throws {
        try await RealServer.withDatabase { database in
            try await database.withPool(.init(acquireTimeout: .seconds(2)), { $0.maxConnections = 1 }) { pool in
                try await pool.withConnection { _ in
                    let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                    #expect(error?.code == .poolTimeout && error?.isTransient == true)
                    let waiting = Task { try await pool.query("SELECT 1") }
                    waiting.cancel()
                    await #expect(throws: CancellationError.self) { try await waiting.value }
                }
                #expect(try await pool.query("SELECT 1").only.get(0) == 1)
                #expect(pool.counts == (1, 1, 0))
            }
        }
    }

    @Test("a connection that comes back inside a transaction is not lent again")
    func dirty() async throws {
        try await RealServer.withDatabase { database in
            try await database.withPool(.init(), { $0.maxConnections = 1 }) { pool in
                let before = try await pool.withConnection { connection in
                    try await connection.query("BEGIN")
                    return try await connection.backend()
                }
                #expect(try await pool.backend() != before)
            }
        }
    }

    @Test("a pool recovers from a crash of the server, and callers need not know")
    func crash() async throws {
        try await RealServer.with { server in
            let pool = PostgresPool(
                try PostgresConfiguration(url: server.url), limits: .init(acquireTimeout: .seconds(60)),
                logger: RealServer.logger)
            try await TestDatabase.with(pool) { pool in
                try await pool.query("CREATE TABLE t (id int8)")
                try await pool.query("INSERT INTO t VALUES (1)")
                let sleeping = Task { try await pool.query("SELECT pg_sleep(60)") }
                try await wait { pool.counts.open == 1 && pool.counts.idle == 0 }
                try await server.stop(.immediate)
                let error = await #expect(throws: PostgresError.self) { try await sleeping.value }
                #expect(error?.kind == .reconnect)
                // Asked while nobody listens, answered after the start.
                let patient = Task { try await pool.query("SELECT count(*) FROM t").only.get(0, as: Int.self) }
                try await server.start()
                #expect(try await patient.value == 1)
            }
        }
    }

    @Test("a server without free connections is waited for")
    func exhausted() async throws {
        try await RealServer.withDatabase { database in
            let role = "few_" + database.name
            let connection = try await database.connect()
            try await connection.script("CREATE ROLE \(role) LOGIN PASSWORD 'few' CONNECTION LIMIT 1")
            var configuration = try PostgresConfiguration(
                url: database.server.url(user: role, password: "few", database: database.name))
            configuration.maxConnections = 4
            let held = try await PostgresConnection.connect(configuration, logger: RealServer.logger)
            let settled = configuration
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(settled, logger: RealServer.logger)
            }
            #expect(error?.sqlState == .tooManyConnections && error?.kind == .resources)
            let pool = PostgresPool(
                configuration, limits: .init(acquireTimeout: .seconds(60)), logger: RealServer.logger)
            try await TestDatabase.with(pool) { pool in
                try await withThrowingTaskGroup { group in
                    for _ in 0..<4 { group.addTask { try await pool.query("SELECT pg_sleep(0.02)") } }
                    held.close()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("idle connections are looked at, and those that died are gone")
    func health() async throws {
        try await RealServer.withDatabase { database in
            let killer = try await database.connect()
            try await database.withPool(.init(checkInterval: .milliseconds(50))) { pool in
                let backend = try await pool.backend()
                // A question of the pool's own, to a connection that nobody uses.
                try await killer.waitForActivity(backend, "query = 'SELECT 1'")
                try await killer.terminate(backend)
                try await wait { pool.counts.open == 0 }
                #expect(try await pool.backend() != backend)
            }
        }
    }

    @Test("a closed pool lends nothing")
    func closed() async throws {
        try await RealServer.withDatabase { database in
            let pool = try await database.withPool { pool in
                try await pool.query("SELECT 1")
                return pool
            }
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
            #expect(error?.code == .poolClosed)
            #expect(pool.counts == (0, 0, 0))
        }
    }

    @Test("a listener hears, and after a lost connection says that it may have missed something")
    func listener() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            let listener = PostgresListener(
                try database.configuration(), channels: ["wake", "Odd \"name"], logger: RealServer.logger)
            async let _: Void = listener.run()
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .listening)
            try await connection.query("SELECT pg_notify('wake', '1'), pg_notify('Odd \"name', '')")
            #expect(await events.next() == .notified(PostgresNotification(channel: "wake", payload: "1")))
            #expect(await events.next() == .notified(PostgresNotification(channel: "Odd \"name", payload: "")))
            try await connection.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'",
                [.text(database.name)])
            #expect(await events.next() == .interrupted)
            #expect(await events.next() == .listening)
            try await connection.query("SELECT pg_notify('wake', '2')")
            #expect(await events.next() == .notified(PostgresNotification(channel: "wake", payload: "2")))
        }
    }
}
