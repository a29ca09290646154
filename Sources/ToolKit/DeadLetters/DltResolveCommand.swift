import ArgumentParser
import Commands
import DeadLetters
import JSONCoding
import Ledger
import Processor

struct DltResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Finish a command by hand, with a result that is published as its outcome.",
        usage:
            "adjutant dlt resolve --bootstrap-servers <servers> --domain <domain> <letter> --result <json> [<options>]",
        discussion: """
            Says what it would do; does it with --execute. The result goes to <domain>.results as the event that the \
            handler would have led to, with the same id; whoever waits for the command sees it succeed. The letter counts \
            as resolved, and is left out of replays. `adjutant dlt restore` parks it again, but takes no event back.

            With a database the result is recorded there, too: repeats of the command are answered with it. Done again \
            after whatever stopped it half-way, with the same result, it does what is left.

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
        let letter = try await DltSession.run(self.options) { [self] in try self.find($0) }
        var row = LetterChange.Row(dryRun: !self.change.execute, action: .resolve, letters: 1, leftOut: [:])
        if self.change.execute {
            // First the database, then the event, then the letter's state: whatever stops it leaves the letter parked, and a
            // repeat writes the same.
            try await self.record(letter, result)
            row.id = try await DltSession.run(self.options) { [self] in try self.resolve($0, letter, result) }
        }
        guard self.output.format == .table else { return try OutputOptions.print([row], as: .jsonl) }
        put(
            "\(letter.coordinate): \(letter.id ?? "") \(row.dryRun ? "would be resolved" : "resolved")".printable)
        if row.dryRun { say("nothing was changed; add --execute and --reason to do it") }
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

    /// The letter that is meant, if it can be resolved.
    private func find(_ session: DltSession) throws -> DeadLetter {
        let (letter, state, others) = try session.one(self.selection)
        guard others == 0 else {
            throw ToolError(
                .denied, "\(others + 1) letters are meant: name one of them as partition/offset; see `dlt list`")
        }
        try Self.check(letter, state)
        guard letter.id != nil, letter.type != nil else {
            throw ToolError(.denied, "\(letter.coordinate) has no readable id and type, so it can have no outcome")
        }
        // What is missing is told before anything is done.
        if self.change.execute { _ = try session.writer() }
        return letter
    }

    private static func check(_ letter: DeadLetter, _ state: LetterState) throws {
        guard state == .parked || state == .quarantined else {
            throw ToolError(.denied, "\(letter.coordinate) is \(state.rawValue) already")
        }
    }

    /// Records the result as the command's outcome, where there is a database.
    private func record(_ letter: DeadLetter, _ result: [UInt8]) async throws {
        let settings = try self.options.settings()
        guard settings.text("database.url")?.isEmpty == false,
            let resolution = HistoryStore.Resolution(
                letter, result, domain: try self.options.domainName(), actor: self.change.name,
                reason: self.change.reason ?? "", limits: settings.limits())
        else { return }
        try await DatabaseSession.run(settings) { try await HistoryStore($0).resolve(resolution) }
    }

    /// - Returns: The action's id.
    private func resolve(_ session: DltSession, _ letter: DeadLetter, _ result: [UInt8]) throws -> String {
        try Self.check(letter, session.ledger.ledger.state(of: letter))
        let action = session.newID("resolve")
        let actions = LetterActions(
            domain: session.domain, ledger: session.ledger, sink: try session.writer(), clock: session.clock)
        try actions.publish(result: result, of: letter, actor: self.change.name)
        try actions.apply(
            .resolve, to: [letter.coordinate], details: [letter],
            .init(
                id: action, actor: self.change.name, reason: self.change.reason ?? "",
                filter: try self.selection.text(topic: session.topic), topic: session.topic))
        return action
    }
}

extension HistoryStore.Resolution {
    /// Nil for a letter whose command no worker would take, and so none has recorded.
    init?(
        _ letter: DeadLetter, _ result: [UInt8], domain: Domain, actor: String, reason: String, limits: EnvelopeLimits
    ) {
        guard let id = letter.id, let type = letter.type, id.utf8.count <= limits.idBytes else { return nil }
        let now = EngineClock.system.wall()
        let received = letter.firstFailedAt ?? letter.failedAt
        self.init(
            domain: domain.rawValue, id: id, type: type, output: result, actor: actor, reason: reason,
            receivedAt: (1...now).contains(received) ? received : now, finishedAt: now)
        self.key = letter.key
        self.attempts = letter.attempts ?? 0
        self.replays = letter.replays
        self.correlationID = letter.attribute(.correlationid)
        self.causationID = letter.attribute(.causationid)
        self.commandActor = letter.attribute(.actor)
        self.tenant = letter.attribute(.tenant)
        self.batchID = letter.attribute(.batchid)
        self.sagaID = letter.attribute(.sagaid)
    }
}
