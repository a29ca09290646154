import Foundation
import PostgresServer
import Testing

@testable import PostgresClient

@Suite("Faults", .needsServer, .timeLimit(.minutes(10)))
struct FaultTests {
    @Test("the server's errors have their class, and tell neither SQL nor values")
    func classes() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect()
            try await connection.script(
                """
                CREATE TABLE t (id int8 PRIMARY KEY, name text NOT NULL CHECK (name <> ''));
                INSERT INTO t VALUES (4711, 'canary');
                CREATE FUNCTION complain() RETURNS int LANGUAGE plpgsql AS $$
                    BEGIN RAISE WARNING 'canary'; RAISE 'canary %', 4711; END $$
                """)
            func error(_ statement: PostgresStatement, _ parameters: [PostgresValue] = []) async -> PostgresError? {
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.query(statement, parameters)
                }
                if let error {
                    for secret in ["canary", "4711", "SELEC"] { #expect(!"\(error)".contains(secret)) }
                    #expect(error.statementIndex == 0)
                }
                return error
            }
            let unique = await error("INSERT INTO t VALUES ($1, $2)", [.int64(4711), .text("canary")])
            #expect(unique?.kind == .constraint("t_pkey"))
            let null = await error("INSERT INTO t VALUES (1, $1)", [.null])
            #expect(null?.kind == .constraint("") && null?.column == "name" && null?.sqlState == .notNullViolation)
            let check = await error("INSERT INTO t VALUES (1, '')")
            #expect(check?.kind == .constraint("t_name_check"))
            #expect(await error("SELECT $1::text::int", [.text("canary")])?.kind == .fatal)
            #expect(await error("SELEC 4711")?.sqlState == .syntaxError)
            #expect(await error("SELECT * FROM absent")?.sqlState == .undefinedTable)
            #expect(await error("SELECT complain()")?.kind == .fatal)
            try await connection.query("SET statement_timeout = '20ms'")
            #expect(await error("SELECT pg_sleep(60)")?.kind == .timeout)
            #expect(connection.isUsable)
        }
    }

    @Test("serialization failure, deadlock and lock timeout are to be tried again")
    func conflicts() async throws {
        try await RealServer.withDatabase { database in
            let first = try await database.connect { $0.lockTimeout = .seconds(60) }
            try await first.script("CREATE TABLE t (id int8 PRIMARY KEY, n int8); INSERT INTO t VALUES (1, 0), (2, 0)")
            let second = try await database.connect { $0.lockTimeout = .milliseconds(100) }
            try await second.script("SET deadlock_timeout = '20ms'")
            let update: PostgresStatement = "UPDATE t SET n = n + 1 WHERE id = $1"

            let serialization = await #expect(throws: PostgresError.self) {
                try await second.transaction(isolation: .repeatableRead) { transaction in
                    try await transaction.query("SELECT * FROM t")
                    try await first.query(update, [.int64(1)])
                    try await transaction.query(update, [.int64(1)])
                }
            }
            #expect(serialization?.sqlState == .serializationFailure && serialization?.kind == .retry)

            let lock = await #expect(throws: PostgresError.self) {
                try await first.transaction { transaction in
                    try await transaction.query(update, [.int64(1)])
                    try await second.query(update, [.int64(1)])
                }
            }
            #expect(lock?.sqlState == .lockNotAvailable && lock?.kind == .retry)

            try await second.script("SET lock_timeout = '60s'")
            let backend = try await first.backend()
            let watcher = try await database.connect()
            let deadlock = await #expect(throws: PostgresError.self) {
                try await first.transaction { outer in
                    try await outer.query(update, [.int64(1)])
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        try await second.transaction { inner in
                            try await inner.query(update, [.int64(2)])
                            group.addTask { try await outer.query(update, [.int64(2)]) }
                            try await watcher.waitForActivity(backend, "wait_event_type = 'Lock'")
                            // The one that looks first is the victim, and lets the other go on.
                            try await inner.query(update, [.int64(1)])
                        }
                    }
                }
            }
            #expect(deadlock?.sqlState == .deadlockDetected && deadlock?.kind == .retry)
        }
    }

    @Test(
        "a backend that is killed while it works: the connection is lost, and outside a transaction the effect is open")
    func killed() async throws {
        try await RealServer.withDatabase { database in
            let killer = try await database.connect()
            let connection = try await database.connect()
            let backend = try await connection.backend()
            async let sleeping = connection.query("SELECT pg_sleep(60)")
            try await killer.waitForActivity(backend, "wait_event = 'PgSleep'")
            try await killer.terminate(backend)
            do {
                _ = try await sleeping
                Issue.record("a killed backend answered")
            } catch let error as PostgresError {
                #expect(error.kind == .reconnect && error.sqlState == .adminShutdown)
                #expect(error.mayHaveTakenEffect && !error.isTransient)
            }
            #expect(!connection.isUsable)
            // Asked afterwards, it is certain that nothing happened.
            let late = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
            #expect(late?.isTransient == true)

            let other = try await database.connect()
            let error = await #expect(throws: PostgresError.self) {
                try await other.transaction { transaction in
                    let backend = try await transaction.backend()
                    try await killer.terminate(backend)
                    try await transaction.query("SELECT pg_sleep(60)")
                }
            }
            #expect(error?.kind == .reconnect && error?.isTransient == true)
        }
    }

    @Test("a connection that is lost during COMMIT leaves the outcome unknown")
    func unknownCommit() async throws {
        try await RealServer.withDatabase { database in
            let killer = try await database.connect()
            try await killer.script(
                """
                CREATE TABLE t (id int8);
                CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION dawdle()
                """)
            for isTogether in [false, true] {
                let connection = try await database.connect()
                let backend = try await connection.backend()
                async let transfer: Void = connection.transaction { transaction in
                    if isTogether {
                        try await transaction.commit(after: [PostgresCall("INSERT INTO t VALUES (1)")])
                    } else {
                        try await transaction.query("INSERT INTO t VALUES (1)")
                    }
                }
                try await killer.waitForActivity(backend, "wait_event = 'PgSleep' AND query = 'COMMIT'")
                try await killer.terminate(backend)
                do {
                    try await transfer
                    Issue.record("COMMIT was answered")
                } catch let error as PostgresError {
                    #expect(error.kind == .unknownCommit && error.code == .commitUnknown && !error.isTransient)
                }
            }
            #expect(try await killer.query("SELECT count(*) FROM t").only.get(0) == 0)
        }
    }

    @Test("a transaction that idles too long is ended by the server, and known not to be committed")
    func idle() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect { $0.idleInTransactionTimeout = .milliseconds(50) }
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { transaction in
                    try await transaction.query("SELECT 1")
                    try await wait { !connection.isUsable }
                }
            }
            #expect(error?.sqlState == .idleInTransactionTimeout)
            #expect(error?.kind == .reconnect && error?.isTransient == true)
        }
    }

    @Test("cancelling a task cancels its statement, and the connection serves the next")
    func cancellation() async throws {
        try await RealServer.withDatabase { database in
            let watcher = try await database.connect()
            let connection = try await database.connect()
            let backend = try await connection.backend()
            for _ in 0..<10 {
                let sleeping = Task { try await connection.query("SELECT pg_sleep(60)") }
                try await watcher.waitForActivity(backend, "wait_event = 'PgSleep'")
                // One that only waits for its turn goes at once, and leaves the other alone.
                let waiting = Task { try await connection.query("SELECT 2") }
                waiting.cancel()
                await #expect(throws: CancellationError.self) { try await waiting.value }
                sleeping.cancel()
                await #expect(throws: CancellationError.self) { try await sleeping.value }
                #expect(try await connection.backend() == backend)
            }
            let transaction = Task {
                try await connection.transaction { transaction in
                    try await transaction.query("CREATE TABLE t ()")
                    try await transaction.query("SELECT pg_sleep(60)")
                }
            }
            try await watcher.waitForActivity(backend, "wait_event = 'PgSleep'")
            transaction.cancel()
            await #expect(throws: CancellationError.self) { try await transaction.value }
            #expect(try await connection.query("SELECT to_regclass('t') IS NULL").only.get(0) == true)
        }
    }

    @Test("a server that says nothing any more is given up")
    func frozen() async throws {
        try await RealServer.withDatabase { database in
            let connection = try await database.connect {
                $0.statementTimeout = .seconds(8)
                $0.answerGrace = .milliseconds(100)
            }
            let backend = try await connection.backend()
            database.server.signal(SIGSTOP, backend: backend)
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
            database.server.signal(SIGCONT, backend: backend)
            #expect(error?.code == .connectionLost && error?.kind == .reconnect)
        }
    }

    @Test("why a server does not let one in")
    func refused() async throws {
        try await RealServer.withDatabase { database in
            func error(_ url: String) async throws -> PostgresError? {
                let configuration = try PostgresConfiguration(url: url)
                return await #expect(throws: PostgresError.self) {
                    try await PostgresConnection.connect(configuration, logger: RealServer.logger)
                }
            }
            let password = try await error(database.server.url(password: "canary"))
            #expect(password?.sqlState?.rawValue == "28P01" && password?.kind == .fatal)
            #expect(password.map { !"\($0)".contains("canary") } == true)
            let absent = try await error(database.server.url(database: "absent"))
            #expect(absent?.sqlState?.rawValue == "3D000" && absent?.kind == .fatal)
            // Nobody listens on port 1.
            let nobody = try await error("postgres://127.0.0.1:1/x")
            #expect(nobody?.kind == .reconnect && nobody?.sqlState == nil && nobody?.isTransient == true)
        }
    }
}
