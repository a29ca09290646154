import Commands
import JSONCoding

/// How a demonstration looks: everything shown was read back from the topics.
struct DemoReport {
    let scenario: DemoScenario
    let terminal: Terminal
    private var section = 0

    init(scenario: DemoScenario, terminal: Terminal) {
        self.scenario = scenario
        self.terminal = terminal
    }

    private var width: Int { self.terminal.width ?? 120 }

    private func line(_ text: String = "") { put(text) }

    private mutating func heading(_ text: String) {
        self.section += 1
        self.line()
        self.line(self.terminal.styled("\(self.section). \(text)", .strong))
    }

    private func mark(_ isGood: Bool) -> String {
        isGood ? self.terminal.styled("✔", .good) : self.terminal.styled("✘", .bad)
    }

    // MARK: - Sections

    func opening(address: String, database: String, domains: [Domain]) {
        let names = domains.map(\.rawValue).joined(separator: " and ")
        let rows = [
            ("broker", "\(address), embedded: everything in memory"),
            ("database", database),
            ("worker", "serves \(names), and joins its group in about 3 s"),
            ("retries", "\(DemoCluster.attempts) attempts: 300ms in place, then 2s on a retry topic"),
        ]
        self.line(self.terminal.styled("Adjutant: commands in, outcomes out, nothing lost", .strong))
        for (name, text) in rows { self.line("   \(self.terminal.styled(name.padded(to: 9), .faint))\(text)") }
    }

    mutating func table(_ receipts: [CommandSender.Receipt], _ journal: DemoJournal) {
        self.heading("What became of \(receipts.count) records")
        var table = TextTable(
            [
                .init("COMMAND"), .init("KEY"), .init("OUTCOME"), .init("TRIES", isRight: true), .init("DLT"),
                .init("DETAIL", least: 10),
            ], indent: 3)
        for (step, receipt) in zip(self.scenario.steps, receipts) {
            table.add(Self.row(step, receipt, journal))
        }
        for line in table.lines(for: self.terminal) { self.line(line) }
    }

    private static func row(
        _ step: DemoScenario.Step, _ receipt: CommandSender.Receipt, _ journal: DemoJournal
    ) -> [TextTable.Cell] {
        let event = step.draft.flatMap { journal.outcomes[$0.id]?.first }
        let letter = journal.deadLetter(of: receipt)
        let outcome: TextTable.Cell
        switch DemoVerdict.ending(of: step, receipt, journal) {
        case .success: outcome = .init("succeeded", .good)
        case .failure(let failureClass, _):
            outcome = .init(failureClass.rawValue, failureClass.isDeadLettered ? .bad : .doubtful)
        case nil: outcome = .init("none yet", .bad)
        }
        let detail = event.map(Self.detail) ?? letter.flatMap(Self.message) ?? ""
        return [
            .init(step.draft?.type ?? "(unreadable bytes)"), .init(step.draft?.key ?? "-"), outcome,
            .init(event.map { "\($0.attempt)" } ?? "-"), .init(letter == nil ? "" : "yes"), .init(detail, .faint),
        ]
    }

    private static func message(_ letter: Record) -> String? {
        letter.header(named: "__dlq.errors.message").flatMap { letter.text($0) }
    }

    /// The short parts of an output, or what was wrong.
    private static func detail(_ event: OutcomeEvent) -> String {
        if !event.isSuccess {
            let code = event.data["code"]?.stringValue ?? ""
            let problems = (event.data["errors"]?.arrayValue ?? []).map { problem in
                "\(problem["path"]?.stringValue ?? "") \(problem["message"]?.stringValue ?? "")"
            }
            let text = problems.isEmpty ? event.data["message"]?.stringValue ?? "" : problems.joined(separator: ", ")
            return "\(code): \(text)"
        }
        let hidden: Set = ["worker", "startedAt", "finishedAt", "attempt"]
        return (event.data.objectValue ?? [:]).filter { !hidden.contains($0.key) }
            .compactMap { name, value -> (String, String)? in
                guard let text = value.stringValue ?? value.numberValue?.text, text.count <= 24 else { return nil }
                return (name, text)
            }
            .sorted { ($0.0 == "status" ? "" : $0.0) < ($1.0 == "status" ? "" : $1.0) }
            .map { "\($0)=\($1)" }.joined(separator: " ")
    }

    mutating func recovery(_ journal: DemoJournal) {
        guard let draft = self.scenario.steps[self.scenario.recovering].draft else { return }
        self.heading("One that recovers: \(draft.type) with the key \(draft.key ?? "-")")
        let attempts = (journal.audits[draft.id] ?? []).sorted { $0.attempt < $1.attempt }
        let first = attempts.first?.startedAt ?? 0
        var table = TextTable(
            [
                .init("ATTEMPT", isRight: true), .init("STARTED", isRight: true), .init("ENDED AS"), .init("CAUSE"),
                .init("THEN", least: 10),
            ], indent: 3)
        for attempt in attempts {
            let isGood = attempt.event == "succeeded"
            let route = journal.retryTopic(id: draft.id, after: attempt.attempt)
            let then =
                isGood
                ? "result on \(journal.outcomes[draft.id]?.first?.topic ?? "-")"
                : route.map { "by \($0)" } ?? "waits in place"
            table.add([
                "\(attempt.attempt)", .init("+\(Self.seconds(attempt.startedAt - first)) s"),
                .init(attempt.event, isGood ? .good : .doubtful), .init(attempt.failure), .init(then),
            ])
        }
        for line in table.lines(for: self.terminal) { self.line(line) }
    }

    mutating func deadLetter(_ letter: Record) {
        self.heading("A dead letter: \(letter.topic), partition \(letter.partition), offset \(letter.offset)")
        var rows: [(String, String)] = [("key", letter.text(letter.key) ?? "(null)")]
        for header in letter.headers {
            rows.append((letter.text(header.name) ?? "?", letter.text(header.value) ?? "(null)"))
        }
        rows.append(("value", letter.text(letter.value) ?? "(\(letter.value.count) bytes)"))
        let names = rows.map(\.0.count).max() ?? 0
        for (name, value) in rows {
            let isOurs = name.hasPrefix("adjutant-") || name.hasPrefix("__dlq")
            let room = self.terminal.width.map { $0 - names - 5 } ?? Int.max
            let text = value.printable.cut(to: room)
            let label = self.terminal.styled(name.printable.padded(to: names), isOurs ? .plain : .faint)
            self.line("   \(label)  \(text)")
        }
    }

    mutating func replay(mended: String, to place: CommandSender.Receipt, _ journal: DemoJournal) {
        self.heading("Its replay")
        self.line("   \(mended)")
        self.line("   The same bytes went to \(place.topic), partition \(place.partition), offset \(place.offset).")
        let id = self.scenario.steps[self.scenario.replayed].draft?.id ?? ""
        var table = TextTable([.init(""), .init("OUTCOME EVENT"), .init("TOPIC"), .init("DATA", least: 10)], indent: 3)
        for (name, event) in zip(["before", "after"], journal.outcomes[id] ?? []) {
            let detail = event.isSuccess ? Self.detail(event) : "class=\(event.failureClass ?? "")"
            table.add([
                .init(name, .faint), .init(event.type, event.isSuccess ? .good : .bad), .init(event.topic),
                .init(detail),
            ])
        }
        for line in table.lines(for: self.terminal) { self.line(line) }
    }

    mutating func totals(_ verdict: DemoVerdict, _ journal: DemoJournal, seconds: Duration) {
        self.heading("Totals")
        let events = journal.outcomes.values.joined()
        let classes = Dictionary(grouping: events.compactMap(\.failureClass)) { $0 }.mapValues(\.count)
        let rows: [(String, String)] = [
            ("records sent", "\(self.scenario.steps.count), and 1 replayed"),
            ("results", "\(events.count(where: \.isSuccess))"),
            (
                "failures",
                "\(classes.values.reduce(0, +)): "
                    + classes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            ),
            ("retries by topic", "\(journal.retries.count)"),
            ("dead letters", "\(journal.deadLetters.count)"),
            ("audit events", "\(journal.auditCount)"),
            ("took", "\(Self.seconds(seconds.wholeMicroseconds)) s"),
        ]
        for (name, text) in rows {
            for (index, part) in text.wrapped(to: self.width - 21).enumerated() {
                self.line("   \(self.terminal.styled((index == 0 ? name : "").padded(to: 18), .faint))\(part)")
            }
        }
        self.line()
        for check in verdict.checks { self.line("   \(self.mark(check.isGood)) \(check.text)") }
    }

    /// Two digits after the point.
    private static func seconds(_ microseconds: Int64) -> String {
        let hundredths = (microseconds + 5000) / 10_000
        let fraction = "\(hundredths % 100)"
        return "\(hundredths / 100).\(fraction.count < 2 ? "0" : "")\(fraction)"
    }
}

extension OutcomeEvent {
    fileprivate var type: String { self.value["type"]?.stringValue ?? "" }
    fileprivate var topic: String { self.value["topic"]?.stringValue ?? "" }
}
