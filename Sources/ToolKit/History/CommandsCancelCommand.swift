import ArgumentParser
import Commands
import Ledger

struct CommandsCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Keep a command from running.",
        usage: "adjutant commands cancel <id> --domain <domain> [<options>]",
        discussion: """
            It ends as cancelled when a worker comes upon it; it need not have arrived yet. An attempt that runs at the \
            moment is not stopped, but no other follows. Workers look this up only when they run with a database.

            Exit codes: 0 noted, 4 it has its outcome already.

            EXAMPLES
              adjutant commands cancel order-4711 --domain commerce --reason 'sent twice'
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The command's id")
    var id: String

    @Option(help: "The domain")
    var domain: String?

    @Option(help: "Why: told in the failure event")
    var reason: String?

    @OptionGroup var actor: ActorOption

    func run() async throws {
        let settings = try self.options.settings()
        let domain = try ToolEnvironment.current.domain(self.domain)
        try await DatabaseSession.run(settings) { connection in
            try await HistoryStore(connection).cancel(
                self.id, domain: domain.rawValue, reason: self.reason, by: self.actor.name)
        }
        say("command \(self.id.printable) of \(domain) will not begin any more")
    }
}
