import ArgumentParser
import DeadLetters
import Ledger
import Processor

struct DltGroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "Group dead letters by cause.",
        usage: "adjutant dlt groups --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            Letters of one cause have the same class, code and command type, and messages that differ in numbers, ids and \
            quoted text only; the message shown is that of the example, the youngest letter. The largest group comes first. \
            Letters in every state count; add state=parked to the filter for those that nothing was done about.

            Exit codes: 0 done, 2 the topic was not read to its end, 3 no such topic, 64 a filter that is none.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt groups --domain commerce
              adjutant dlt groups --domain commerce --filter 'state=parked age<=1d'
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection

    @Option(help: "Groups to show at most; 0 for all")
    var limit = 0

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.limit >= 0 else { throw ValidationError("--limit must not be negative") }
    }

    func run() async throws {
        let isDone: Void? = try await LetterIndex.use(self.options) { index in
            let filter = try LetterFilter(self.selection.text(topic: index.topic), now: EngineClock.system.wall())
            let causes = try await index.index.causes(index.query(filter), limit: 10_000)
            try self.print(causes.map { LetterGroups.Group($0, topic: index.topic) })
            DltText.tellTrimmed(index.trimmed, of: index.topic)
        }
        if isDone != nil { return }
        let isCutShort = try await DltSession.run(self.options) { [self] session in
            let filter = try session.filter(self.selection)
            var groups = LetterGroups()
            let report = try session.scan(filter) { letter, state in
                groups.add(letter, state)
                return true
            }
            try self.print(groups.sorted)
            session.tell(report)
            if groups.others > 0 { say("\(groups.others) letters of further causes are not shown") }
            return report.isCutShort
        }
        if isCutShort { throw ExitCode(ToolExit.partial.rawValue) }
    }

    private func print(_ all: [LetterGroups.Group]) throws {
        let shown = self.limit == 0 ? all : Array(all.prefix(self.limit))
        try self.output.print(shown.map(GroupRow.init), table: GroupRow.table)
        if all.count > shown.count { say("\(shown.count) of \(all.count) groups are shown; see --limit") }
    }
}
