import Logging

/// Brings a database's schema up to date: each migration once, in the order of their numbers, whoever else tries
/// meanwhile.
///
/// What was applied is kept in the table `adjutant.migrations`.
package struct PostgresMigrator: Sendable {
    package let migrations: [PostgresMigration]
    private let configuration: PostgresConfiguration
    private let logger: Logger

    /// Any number, the same in every version.
    private static let lock: Int64 = 0x61_646a_7574_616e

    private static let table = """
        CREATE SCHEMA IF NOT EXISTS adjutant;
        CREATE TABLE IF NOT EXISTS adjutant.migrations (
            number int PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            applied_by text NOT NULL DEFAULT current_user
        );
        """

    /// - Parameter migrations: In any order.
    /// - Throws: When two have one number, or one is below 1.
    package init(
        _ migrations: [PostgresMigration], configuration: PostgresConfiguration, logger: Logger
    ) throws(PostgresError) {
        self.migrations = migrations.sorted { $0.number < $1.number }
        self.logger = logger
        self.configuration = configuration
        for (previous, next) in zip(self.migrations, self.migrations.dropFirst()) where previous.number == next.number {
            throw Self.failure("two migrations have the number \(next.number)")
        }
        if let first = self.migrations.first, first.number < 1 { throw Self.failure("migrations are numbered from 1") }
    }

    /// Applies what is pending, each in a transaction of its own.
    ///
    /// - Returns: The numbers of those that this call applied.
    /// - Throws: ``PostgresError`` with code `migration` when an applied one was changed, or a pending one is older than
    ///   an applied one; the server's error when one fails, which leaves the database as it was before that one.
    @discardableResult
    package func up() async throws -> [Int] {
        var configuration = self.configuration
        // Rewriting a table may take long.
        configuration.statementTimeout = .seconds(3600)
        configuration.idleInTransactionTimeout = .seconds(60)
        let connection = try await PostgresConnection.connect(configuration, logger: self.logger)
        defer { connection.close() }
        var applied: [Int] = []
        while let number = try await connection.transaction({ try await self.applyNext(in: $0) }) {
            self.logger.info("migration applied", metadata: ["migration": "\(number)"])
            applied.append(number)
        }
        return applied
    }

    private func applyNext(in transaction: PostgresTransaction) async throws -> Int? {
        // Others wait here until this one commits; a statement that waits for a table's lock holds up the table's users
        // behind it, and so waits less.
        try await transaction.run([
            PostgresCall("SET LOCAL lock_timeout = '10min'"),
            PostgresCall("SELECT pg_advisory_xact_lock($1)", [.int64(Self.lock)]),
            PostgresCall("SET LOCAL lock_timeout = '10s'"),
        ])
        try await transaction.script(Self.table)
        let statuses = try await self.status(in: transaction)
        try Self.check(statuses)
        guard let next = statuses.first(where: { $0.state == .pending }),
            let migration = self.migrations.first(where: { $0.number == next.number })
        else { return nil }
        do {
            try await transaction.script(migration.sql)
        } catch var error as PostgresError {
            error.message = "migration \(migration.number) (\(migration.name)): \(error.message)"
            throw error
        }
        try await transaction.query(
            "INSERT INTO adjutant.migrations (number, name, checksum) VALUES ($1::int8::int4, $2, $3)",
            [.int(migration.number), .text(migration.name), .text(migration.checksum)])
        return migration.number
    }

    /// Where each migration stands.
    package func status() async throws -> [PostgresMigrationStatus] {
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        defer { connection.close() }
        let table = try await connection.query("SELECT to_regclass('adjutant.migrations') IS NOT NULL")
        guard try table.only.get(0) else { return self.compare(with: []) }
        return try await self.status(in: connection)
    }

    /// - Throws: ``PostgresError`` with code `migration` unless all is applied, for programs about to start.
    package func requireCurrent() async throws {
        let statuses = try await self.status()
        try Self.check(statuses)
        let pending = statuses.filter { $0.state == .pending }
        guard pending.isEmpty else {
            throw Self.failure("the database lacks \(pending.count) migrations: run `migrate up`")
        }
    }

    private func status(in session: some PostgresSession) async throws -> [PostgresMigrationStatus] {
        let rows = try await session.query(
            "SELECT number, name, checksum, applied_at FROM adjutant.migrations ORDER BY number")
        return self.compare(
            with: try rows.map { row in
                Applied(
                    number: try row.get(0), name: try row.get(1), checksum: try row.get(2), at: try row.get(3))
            })
    }

    private struct Applied {
        var number: Int
        var name: String
        var checksum: String
        var at: PostgresTimestamp
    }

    private func compare(with applied: [Applied]) -> [PostgresMigrationStatus] {
        var statuses = self.migrations.map { migration in
            let found = applied.first { $0.number == migration.number }
            let state: PostgresMigrationStatus.State =
                found.map { $0.checksum == migration.checksum ? .applied : .changed } ?? .pending
            return PostgresMigrationStatus(
                number: migration.number, name: migration.name, state: state, appliedAt: found?.at)
        }
        for other in applied where !self.migrations.contains(where: { $0.number == other.number }) {
            statuses.append(
                PostgresMigrationStatus(number: other.number, name: other.name, state: .unknown, appliedAt: other.at))
        }
        return statuses.sorted { $0.number < $1.number }
    }

    private static func check(_ statuses: [PostgresMigrationStatus]) throws(PostgresError) {
        if let changed = statuses.first(where: { $0.state == .changed }) {
            throw Self.failure(
                "migration \(changed.number) (\(changed.name)) is not the one that was applied: restore its text and put the change into a new one"
            )
        }
        let last = statuses.last { $0.state != .pending }
        if let last, let pending = statuses.first(where: { $0.state == .pending }), pending.number < last.number {
            throw Self.failure(
                "migration \(pending.number) (\(pending.name)) is pending, and the later \(last.number) is applied: give it a new number"
            )
        }
    }

    /// All migrations as a text for other tools, in one transaction: it leaves the same traces as ``up()``, and applies
    /// nothing twice.
    package var sql: String {
        var text = """
            -- One transaction. It applies what the table adjutant.migrations does not name yet, so that it may be run again,
            -- and fails where another text was applied under a migration's number.
            BEGIN;
            DO $adjutant$ BEGIN PERFORM pg_advisory_xact_lock(\(Self.lock)); END $adjutant$;
            \(Self.table)

            """
        for migration in self.migrations {
            let name = migration.name.replacing("'", with: "''")
            text += """

                -- \(migration.number): \(migration.name)
                DO $adjutant$
                BEGIN
                IF EXISTS (
                    SELECT FROM adjutant.migrations WHERE number = \(migration.number) AND checksum <> '\(migration.checksum)'
                ) THEN
                    RAISE EXCEPTION 'migration \(migration.number) (\(name)) is not the one that was applied';
                ELSIF NOT EXISTS (SELECT FROM adjutant.migrations WHERE number = \(migration.number)) THEN
                EXECUTE $migration$
                \(migration.sql)
                $migration$;
                INSERT INTO adjutant.migrations (number, name, checksum)
                VALUES (\(migration.number), '\(name)', '\(migration.checksum)');
                END IF;
                END
                $adjutant$;

                """
        }
        return text + "\nCOMMIT;\n"
    }

    /// Lets a role read and write what is in the schema, and change nothing of it.
    package func grant(to role: String) async throws {
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        defer { connection.close() }
        try await connection.script(Self.grants(to: role))
    }

    /// What ``grant(to:)`` does, as a text.
    package static func grants(to role: String) -> String {
        let role = "\"" + role.replacing("\"", with: "\"\"") + "\""
        return """
            GRANT USAGE ON SCHEMA adjutant TO \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA adjutant TO \(role);
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA adjutant TO \(role);
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA adjutant TO \(role);
            REVOKE INSERT, UPDATE, DELETE ON adjutant.migrations FROM \(role);

            """
    }

    private static func failure(_ message: String) -> PostgresError {
        PostgresError(code: .migration, kind: .fatal, message: message)
    }
}
