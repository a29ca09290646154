import ArgumentParser
import DeadLetters

struct DltDiscardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Give dead letters up for good.",
        usage: "adjutant dlt discard --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            Says what it would do; does it with --execute. Nothing is deleted: the letters stay on their topic as long as \
            the broker keeps them, marked as discarded, and are left out of replays. `adjutant dlt restore` takes it back.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt discard --domain commerce --filter 'age>=7d class=poison'
              adjutant dlt discard --domain commerce 3/17 \\
                --execute --reason 'sent by hand'
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection
    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await DltSession.run(self.options) { [self] in
            try LetterChange(kind: .discard, change: self.change, output: self.output).run($0, self.selection)
        }
    }
}

struct DltRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Park dead letters again that were discarded, resolved or quarantined.",
        usage: "adjutant dlt restore --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            Says what it would do; does it with --execute. Letters that were replayed are left as they are: to send them \
            once more, use `adjutant dlt replay --again`.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt restore --domain commerce --filter state=discarded
              adjutant dlt restore --domain commerce 3/17 \\
                --execute --reason 'was needed after all'
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection
    @OptionGroup var change: ChangeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await DltSession.run(self.options) { [self] in
            try LetterChange(kind: .restore, change: self.change, output: self.output).run($0, self.selection)
        }
    }
}

/// Changes the state of the letters that a filter means, and says which.
struct LetterChange {
    struct Row: Encodable {
        var dryRun: Bool
        var action: ActionRecord.Kind
        var letters: Int
        var leftOut: [String: Int]
        var id: String?
    }

    let kind: ActionRecord.Kind
    let change: ChangeOptions
    let output: OutputOptions

    func run(_ session: DltSession, _ selection: LetterSelection) throws {
        let text = try selection.text(topic: session.topic)
        var letters: [LetterCoordinate] = []
        var leftOut: [String: Int] = [:]
        var details: [DeadLetter] = []
        let report = try session.scan(try session.filter(selection)) { letter, state in
            if self.applies(to: state) {
                if details.count < AuditNote.detailed { details.append(letter) }
                letters.append(letter.coordinate)
            } else {
                leftOut[state.rawValue, default: 0] += 1
            }
            return true
        }
        session.tell(report)
        if selection.letter != nil, letters.isEmpty, leftOut.isEmpty {
            throw session.noSuchLetter
        }
        var row = Row(dryRun: !self.change.execute, action: self.kind, letters: letters.count, leftOut: leftOut)
        if self.change.execute, !letters.isEmpty {
            if report.isCutShort {
                throw ToolError(.partial, "the topic was not read to its end, so nothing was done: see --timeout")
            }
            let id = session.newID(self.kind.rawValue)
            row.id = id
            let actions = LetterActions(
                domain: session.domain, ledger: session.ledger, sink: try session.writer(), clock: session.clock)
            try actions.apply(
                self.kind, to: letters, details: details,
                .init(
                    id: id, actor: self.change.name, reason: self.change.reason ?? "", filter: text,
                    topic: session.topic))
        }
        try self.print(row)
        if report.isCutShort {
            throw ToolError(.partial, "the topic was not read to its end, so there may be more: see --timeout")
        }
    }

    private func applies(to state: LetterState) -> Bool {
        switch self.kind {
        case .discard, .resolve: state == .parked || state == .quarantined
        case .restore: state == .discarded || state == .resolved || state == .quarantined
        }
    }

    private func print(_ row: Row) throws {
        guard self.output.format == .table else { return try OutputOptions.print([row], as: .jsonl) }
        let verb = self.kind == .discard ? "discarded" : "restored"
        var text = "\(DltText.count(row.letters, "letter")) \(row.dryRun ? "would be \(verb)" : verb)"
        if !row.leftOut.isEmpty {
            let parts = row.leftOut.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            text += "; left as they are: \(parts.joined(separator: ", "))"
        }
        put(text)
        if row.dryRun { say("nothing was changed; add --execute and --reason to do it") }
    }
}
