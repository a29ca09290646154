import ArgumentParser
import DeadLetters
import JSONCoding

struct DltResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Finish a command by hand, with a result that is published as its outcome.",
        usage:
            "adjutant dlt resolve --bootstrap-servers <servers> --domain <domain> <letter> --result <json> [<options>]",
        discussion: """
            Says what it would do; does it with --execute. The result goes to <domain>.results as the event that the \
            handler would have led to, with the same id; whoever waits for the command sees it succeed. The letter counts \
            as resolved, and is left out of replays. `adjutant dlt restore` parks it again, but takes no event back.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt resolve --domain commerce 3/17 \\
                --result '{"paymentId":"p-1"}' --execute --reason 'booked by hand'
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection

    @Option(help: ArgumentHelp("The result: JSON, or @file", valueName: "json"))
    var result: String

    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let result = try self.data()
        try await DltSession.run(self.options) { [self] session in try self.resolve(session, result) }
    }

    private func data() throws -> [UInt8] {
        let bytes =
            self.result.hasPrefix("@")
            ? try InputFile.read(String(self.result.dropFirst())) : Array(self.result.utf8)
        do {
            _ = try JSONDocument(parsing: bytes)
        } catch {
            throw ToolError(.usage, "--result is no JSON: \(error.message) at byte \(error.offset)")
        }
        return bytes
    }

    private func resolve(_ session: DltSession, _ result: [UInt8]) throws {
        let (letter, state, others) = try session.one(self.selection)
        guard others == 0 else {
            throw ToolError(
                .denied, "\(others + 1) letters are meant: name one of them as partition/offset; see `dlt list`")
        }
        guard state == .parked || state == .quarantined else {
            throw ToolError(.denied, "\(letter.coordinate) is \(state.rawValue) already")
        }
        guard let id = letter.id, letter.type != nil else {
            throw ToolError(.denied, "\(letter.coordinate) has no readable id and type, so it can have no outcome")
        }
        var row = LetterChange.Row(dryRun: !self.change.execute, action: .resolve, letters: 1, leftOut: [:])
        if self.change.execute {
            let action = session.newID("resolve")
            row.id = action
            let actions = LetterActions(
                domain: session.domain, ledger: session.ledger, sink: try session.writer(), clock: session.clock)
            // First the event: a crash between the two leaves the letter parked, and a repeat has the same id.
            try actions.publish(result: result, of: letter, actor: self.change.name)
            try actions.apply(
                .resolve, to: [letter.coordinate], details: [letter],
                .init(
                    id: action, actor: self.change.name, reason: self.change.reason ?? "",
                    filter: try self.selection.text(topic: session.topic), topic: session.topic))
        }
        guard self.output.format == .table else { return try OutputOptions.print([row], as: .jsonl) }
        put("\(letter.coordinate): \(id) \(row.dryRun ? "would be resolved" : "resolved")".printable)
        if row.dryRun { say("nothing was changed; add --execute and --reason to do it") }
    }
}
