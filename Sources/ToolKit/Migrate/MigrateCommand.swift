import ArgumentParser
import Ledger
import Logging
import PostgresClient

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database's schema up to date, or say what it lacks.",
        discussion: """
            What Adjutant keeps in PostgreSQL lies in the schema `adjutant`; which migrations were applied is in its \
            table `migrations`.

            EXAMPLES
              adjutant migrate status --database-url postgres://me@localhost/shop
              adjutant migrate up --grant-to shop_worker
              adjutant migrate sql > adjutant.sql
            """,
        subcommands: [MigrateUpCommand.self, MigrateStatusCommand.self, MigrateSQLCommand.self])
}

extension DatabaseOptions {
    func migrator() throws -> PostgresMigrator { try Self.migrator(try self.settings().database()) }

    static func migrator(_ configuration: PostgresConfiguration) throws -> PostgresMigrator {
        // What it does is told by the commands themselves.
        let logger = Logger(label: "adjutant.migrate") { _ in SwiftLogNoOpLogHandler() }
        return try PostgresMigrator(PostgresMigration.adjutant, configuration: configuration, logger: logger)
    }
}

struct MigrateUpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Apply what is pending.",
        discussion: """
            Each migration is applied once, in a transaction of its own, however many try at once. It needs a role that \
            may create a schema. With --grant-to another role may then read and write what is there, and change nothing of the \
            schema: enough for workers and for the other commands of this tool.
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(name: .customLong("grant-to"), help: "A role that exists, to read and write Adjutant's tables")
    var role: String?

    func run() async throws {
        do {
            let migrator = try self.options.migrator()
            let applied = try await migrator.up()
            for number in applied { say("migration \(number) applied") }
            if applied.isEmpty { say("nothing to do: the database is up to date") }
            if let role {
                try await migrator.grant(to: role)
                say("\(role) may work with it")
            }
        } catch {
            throw ToolError(migration: error)
        }
    }
}

struct MigrateStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say which migrations are applied.",
        discussion: """
            Exit code 0 when all are applied, 2 when one is pending or is not the one that was applied.
            """)

    @OptionGroup var options: DatabaseOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let rows: [MigrationRow]
        do {
            rows = try await self.options.migrator().status().map(MigrationRow.init)
        } catch {
            throw ToolError(migration: error)
        }
        try self.output.print(rows, table: MigrationRow.table)
        guard rows.allSatisfy(\.isInOrder) else { throw ExitCode(ToolExit.partial.rawValue) }
    }
}

struct MigrateSQLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql", abstract: "Print all migrations, for another tool to apply.",
        discussion: """
            Needs no database. What it prints is one transaction of its own, which applies what is pending and fills the \
            table of applied migrations, so that `status` and `up` know of it. It may be run again.
            """)

    @Option(name: .customLong("grant-to"), help: "A role to read and write Adjutant's tables")
    var role: String?

    func run() async throws {
        do {
            // No connection is made.
            let migrator = try DatabaseOptions.migrator(PostgresConfiguration(url: ""))
            StandardStream.output.write(migrator.sql)
            if let role { StandardStream.output.write("\n" + PostgresMigrator.grants(to: role)) }
        } catch {
            throw ToolError(migration: error)
        }
    }
}
