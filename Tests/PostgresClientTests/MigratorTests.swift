import PostgresServer
import Testing

@testable import PostgresClient

@Suite("Migrations", .needsServer, .timeLimit(.minutes(10)))
struct MigratorTests {
    private let first = PostgresMigration(
        number: 1, name: "accounts", sql: "CREATE TABLE accounts (id int8); INSERT INTO accounts VALUES (1);")
    private let second = PostgresMigration(
        number: 2, name: "names", sql: "ALTER TABLE accounts ADD COLUMN name text NOT NULL DEFAULT 'it''s'")

    private func migrator(_ database: TestDatabase, _ migrations: [PostgresMigration]) throws -> PostgresMigrator {
        try PostgresMigrator(migrations, configuration: database.configuration(), logger: RealServer.logger)
    }

    @Test("each migration is applied once, however many try at once")
    func once() async throws {
        try await RealServer.withDatabase { database in
            let migrator = try self.migrator(database, [self.second, self.first])
            #expect(try await migrator.status().map(\.state) == [.pending, .pending])
            await #expect(throws: PostgresError.self) { try await migrator.requireCurrent() }
            let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<4 { group.addTask { try await migrator.up() } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == [1, 2])
            let connection = try await database.connect()
            #expect(try await connection.query("SELECT name FROM accounts").only.get(0) == "it's")
            #expect(try await migrator.status().map(\.state) == [.applied, .applied])
            #expect(try await migrator.up().isEmpty)
            try await migrator.requireCurrent()
        }
    }

    @Test("an applied migration must not change, and none may be put before it")
    func changed() async throws {
        try await RealServer.withDatabase { database in
            try await self.migrator(database, [self.first]).up()
            let edited = PostgresMigration(number: 1, name: "accounts", sql: "SELECT 1")
            let migrator = try self.migrator(database, [edited, self.second])
            #expect(try await migrator.status().map(\.state) == [.changed, .pending])
            let error = await #expect(throws: PostgresError.self) { try await migrator.up() }
            #expect(error?.code == .migration)
            // A newer program was here: an older one finds nothing to do.
            try await self.migrator(database, [self.first, self.second]).up()
            let older = try self.migrator(database, [self.first])
            #expect(try await older.status().map(\.state) == [.applied, .unknown])
            #expect(try await older.up().isEmpty)
        }
        try await RealServer.withDatabase { database in
            try await self.migrator(database, [PostgresMigration(number: 2, name: "b", sql: "SELECT 1")]).up()
            let error = await #expect(throws: PostgresError.self) {
                try await self.migrator(
                    database, [self.first, PostgresMigration(number: 2, name: "b", sql: "SELECT 1")]
                )
                .up()
            }
            #expect(error?.code == .migration)
        }
    }

    @Test("a migration that fails leaves the database as it was before it")
    func failing() async throws {
        try await RealServer.withDatabase { database in
            let broken = PostgresMigration(number: 2, name: "broken", sql: "CREATE TABLE half (); SELECT 1 / 0")
            let migrator = try self.migrator(database, [self.first, broken])
            let error = await #expect(throws: PostgresError.self) { try await migrator.up() }
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(error?.message.hasPrefix("migration 2 (broken): ") == true)
            #expect(try await migrator.status().map(\.state) == [.applied, .pending])
            let connection = try await database.connect()
            #expect(try await connection.query("SELECT to_regclass('half') IS NULL").only.get(0) == true)
        }
    }

    @Test("the printed SQL does the same as applying")
    func printed() async throws {
        try await RealServer.withDatabase { database in
            let migrator = try self.migrator(database, [self.first, self.second])
            let connection = try await database.connect()
            try await connection.script(migrator.sql)
            #expect(try await migrator.status().map(\.state) == [.applied, .applied])
            #expect(try await migrator.up().isEmpty)
            // Again, and after an older program's.
            try await connection.script(migrator.sql)
            #expect(try await connection.query("SELECT count(*) FROM accounts").only.get(0) == 1)
        }
        try await RealServer.withDatabase { database in
            try await self.migrator(database, [self.first]).up()
            let connection = try await database.connect()
            // A later statement of one migration may need an earlier one's table, and bodies of functions their dollars.
            let third = PostgresMigration(
                number: 3, name: "it's a function",
                sql: """
                    CREATE TABLE more (id int8);
                    CREATE FUNCTION one() RETURNS int8 LANGUAGE sql AS $$ SELECT count(*) FROM more $$;
                    """)
            let migrator = try self.migrator(database, [self.first, self.second, third])
            try await connection.script(migrator.sql)
            #expect(try await migrator.status().map(\.state) == [.applied, .applied, .applied])
            #expect(try await connection.query("SELECT one()").only.get(0, as: Int.self) == 0)
            let edited = PostgresMigration(number: 1, name: "accounts", sql: "SELECT 1")
            let fourth = PostgresMigration(number: 4, name: "last", sql: "CREATE TABLE last ()")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.script(try self.migrator(database, [fourth, edited]).sql)
            }
            #expect(error?.sqlState?.rawValue == "P0001", "raised by the text itself")
            try await connection.script("ROLLBACK")
            #expect(try await connection.query("SELECT to_regclass('last') IS NULL").only.get(0) == true)
        }
    }

    @Test("the printed SQL of a migration that fails leaves nothing behind")
    func printedAndFailing() async throws {
        try await RealServer.withDatabase { database in
            let broken = PostgresMigration(number: 2, name: "broken", sql: "CREATE TABLE half (); SELECT 1 / 0")
            let connection = try await database.connect()
            await #expect(throws: PostgresError.self) {
                try await connection.script(try self.migrator(database, [self.first, broken]).sql)
            }
            try await connection.script("ROLLBACK")
            #expect(try await connection.query("SELECT to_regclass('adjutant.migrations') IS NULL").only.get(0) == true)
        }
    }

    @Test("a worker's role reads and writes, and changes nothing of the schema")
    func grants() async throws {
        try await RealServer.withDatabase { database in
            let migrator = try self.migrator(
                database,
                [PostgresMigration(number: 1, name: "a", sql: "CREATE TABLE adjutant.t (id bigserial, n int)")])
            try await migrator.up()
            let role = "odd \"role_" + database.name
            try await database.connect().script("CREATE ROLE \"odd \"\"role_\(database.name)\"")
            try await migrator.grant(to: role)
            try await migrator.grant(to: role)
            let worker = try await database.connect()
            try await worker.script("SET ROLE \"odd \"\"role_\(database.name)\"")
            try await worker.query("INSERT INTO adjutant.t (n) VALUES (1)")
            try await worker.query("SELECT * FROM adjutant.migrations")
            for denied in [
                "DROP TABLE adjutant.t", "ALTER TABLE adjutant.t ADD m int", "TRUNCATE adjutant.t",
                "CREATE TABLE adjutant.u ()", "DELETE FROM adjutant.migrations", "CREATE SCHEMA other",
            ] {
                let error = await #expect(throws: PostgresError.self, "\(denied)") { try await worker.script(denied) }
                #expect(error?.sqlState == .insufficientPrivilege, "\(denied)")
            }
        }
    }

    @Test("numbers are unique and positive")
    func numbers() throws {
        let configuration = try PostgresConfiguration(url: "postgres://127.0.0.1/x")
        for number in [0, 1] {
            #expect(throws: PostgresError.self) {
                try PostgresMigrator(
                    [PostgresMigration(number: number, name: "a", sql: ""), self.first], configuration: configuration,
                    logger: RealServer.logger)
            }
        }
    }
}
