import ArgumentParser
import Ledger

struct CommandsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one command with its outcome and what happened to it.",
        usage: "adjutant commands show <id> [--domain <domain>] [<options>]",
        discussion: """
            With -o json or jsonl, one object. What the handler returned is left out with --no-data.

            Exit codes: 0 shown, 3 no such command, 4 several domains have a command of that id.

            EXAMPLES
              adjutant commands show order-4711
              adjutant commands show order-4711 --domain commerce -o json
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The command's id")
    var id: String

    @Option(help: "The domain; needed when several have a command of that id")
    var domain: String?

    @Flag(name: .customLong("no-data"), help: "Leave out what the handler returned")
    var hidesData = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try self.options.settings()
        let found = try await DatabaseSession.run(settings) { connection in
            try await HistoryStore(connection).find(self.id, domain: self.domain)
        }
        guard let only = found.first else { throw ToolError(.notFound, "there is no command \(self.id)") }
        guard found.count == 1 else {
            let domains = found.map(\.record.domain).joined(separator: ", ")
            throw ToolError(.denied, "several domains have a command \(self.id): say which with --domain (\(domains))")
        }
        let view = HistoryView(only.record, only.events, showsOutput: !self.hidesData)
        if self.output.format == .table { view.printText() } else { try OutputOptions.print([view], as: .jsonl) }
    }
}
