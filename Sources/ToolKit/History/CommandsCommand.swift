import ArgumentParser

struct CommandsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commands", abstract: "The history of commands, as the database remembers it.",
        discussion: """
            EXAMPLES
              export ADJUTANT_DATABASE_URL=postgres://adjutant@localhost/adjutant
              adjutant commands list --domain commerce --state failed --since 1h
              adjutant commands show 01890a5d-ac96-774b-bcce-b302099a8057
            """,
        subcommands: [
            CommandsListCommand.self, CommandsShowCommand.self, CommandsCancelCommand.self, CommandsPruneCommand.self,
        ])
}
