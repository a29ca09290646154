import ArgumentParser
import Ledger

struct BatchesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batches", abstract: "Commands that are sent together, with their progress.",
        discussion: """
            EXAMPLES
              export ADJUTANT_DATABASE_URL=postgres://adjutant@localhost/adjutant
              adjutant batches send -b localhost:9092 --domain commerce --name import --from-file commands.jsonl
              adjutant batches show 01890a5d-ac96-774b-bcce-b302099a8057
            """,
        subcommands: [
            BatchesCreateCommand.self, BatchesSendCommand.self, BatchesListCommand.self, BatchesShowCommand.self,
            BatchesCloseCommand.self, BatchesCancelCommand.self,
        ])
}

struct BatchesCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a batch, for commands that others send with its id as their batchid.",
        usage: "adjutant batches create --domain <domain> --name <name> [--total <n>] [<options>]",
        discussion: """
            Prints the id. Create a batch before its commands are sent: what ends before is not counted. Without --total \
            it stays open until `batches close`.

            Exit codes: 0 created, 4 there is a batch of that id.

            EXAMPLES
              adjutant batches create --domain commerce --name import --total 5000
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: "The domain of its commands")
    var domain: String?

    @Option(help: "What people call it; need not be unique")
    var name: String

    @Option(help: "How many commands it has")
    var total: Int?

    @Option(help: "The batch's id; a new UUIDv7 when absent")
    var id: String?

    @OptionGroup var actor: ActorOption
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let total, total < 0 { throw ValidationError("--total must not be below 0") }
        if let id, let problem = CommandRules.problem(attribute: "batchid", id) {
            throw ValidationError("--id: \(problem)")
        }
    }

    func run() async throws {
        let settings = try self.options.settings()
        let domain = try ToolEnvironment.current.domain(self.domain)
        let batch = try await DatabaseSession.run(settings) { connection in
            try await BatchStore(connection).create(
                id: self.id, name: self.name, domain: domain, total: self.total, by: self.actor.name)
        }
        if self.output.format == .table {
            put(batch.id)
        } else {
            try OutputOptions.print([BatchRow(batch)], as: .jsonl)
        }
    }
}

struct BatchesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List batches, the newest first.",
        discussion: """
            EXAMPLES
              adjutant batches list
              adjutant batches list --domain commerce --running -o json
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: "The domain")
    var domain: String?

    @Option(help: "The name")
    var name: String?

    @Flag(help: "Only those that are neither through nor cancelled")
    var running = false

    @OptionGroup var page: PageOptions

    func run() async throws {
        let settings = try self.options.settings()
        try await DatabaseSession.run(settings) { connection in
            try await self.page.print(BatchRow.init, table: BatchRow.table) { cursor, limit in
                try await BatchStore(connection).list(
                    domain: self.domain, name: self.name, running: self.running, after: cursor, limit: limit)
            }
        }
    }
}

struct BatchesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a batch and its progress.",
        discussion: """
            Exit codes: 0 shown, 3 no such batch.

            EXAMPLES
              adjutant batches show 01890a5d-ac96-774b-bcce-b302099a8057
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The batch's id")
    var id: String

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try self.options.settings()
        let batch = try await DatabaseSession.run(settings) { try await BatchStore($0).find(self.id) }
        guard let batch else { throw ToolError(.notFound, "there is no batch \(self.id)") }
        let row = BatchRow(batch)
        if self.output.format == .table { row.printText() } else { try OutputOptions.print([row], as: .jsonl) }
    }
}
