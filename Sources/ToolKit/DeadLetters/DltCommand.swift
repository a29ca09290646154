import ArgumentParser

struct DltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlt", abstract: "Dead letters: find, understand, replay.",
        discussion: """
            Filters are terms that all must hold: field=value, != (is not), ~ (contains), >= and <=, separated by spaces, \
            values with spaces in quotes. Fields: type, class, code, fingerprint, key, id, message, state, topic, origin, \
            group, format, domain; partition, offset, replays, attempts, bytes; time and first (RFC 3339, a date, or a \
            time ago such as 2h), age (90s, 2h, 7d).

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt groups --domain commerce
              adjutant dlt list --domain commerce --filter 'class=exhausted age<=2h'
              adjutant dlt show --domain commerce 3/17
              adjutant dlt replay --domain commerce --filter 'code=TIMEOUT state=parked'
              adjutant dlt replay --domain commerce --filter code=TIMEOUT \\
                --execute --reason 'gateway is back' --canary 5 --rate 100
            """,
        subcommands: [
            DltListCommand.self, DltGroupsCommand.self, DltShowCommand.self, DltReplayCommand.self,
            DltDiscardCommand.self, DltResolveCommand.self, DltRestoreCommand.self, DltExportCommand.self,
            DltImportCommand.self, DltJobsCommand.self,
        ])
}
