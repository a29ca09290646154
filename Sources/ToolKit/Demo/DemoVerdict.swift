import Commands

/// Whether a demonstration went as its scenario says, by what the topics hold.
struct DemoVerdict {
    /// One thing that was looked at.
    struct Check {
        var text: String
        var isGood: Bool
    }

    private(set) var checks: [Check] = []
    private(set) var problems: [String] = []
    /// Steps that ended as they should.
    private(set) var asExpected: Set<Int> = []

    init(scenario: DemoScenario, receipts: [CommandSender.Receipt], journal: DemoJournal, hasReplay: Bool) {
        self.checkEndings(scenario, receipts, journal)
        self.checkOutcomes(scenario, journal, hasReplay: hasReplay)
        self.checkLetters(scenario, receipts, journal)
        self.checkOrder(scenario, journal)
    }

    /// How a step ended first, as its outcome event or its dead letter tells.
    static func ending(
        of step: DemoScenario.Step, _ receipt: CommandSender.Receipt, _ journal: DemoJournal
    ) -> DemoScenario.Ending? {
        if let id = step.draft?.id { return journal.outcomes[id]?.first?.ending }
        guard let letter = journal.deadLetter(of: receipt),
            let text = letter.header(named: "adjutant-error-class").flatMap({ letter.text($0) })
        else { return nil }
        return FailureClass(rawValue: text).map { .failure($0) }
    }

    private mutating func check(_ text: String, _ problems: [String]) {
        self.checks.append(Check(text: text, isGood: problems.isEmpty))
        self.problems += problems
    }

    private mutating func checkEndings(
        _ scenario: DemoScenario, _ receipts: [CommandSender.Receipt], _ journal: DemoJournal
    ) {
        var problems: [String] = []
        for (index, step) in scenario.steps.enumerated() {
            let ending = Self.ending(of: step, receipts[index], journal)
            if Self.matches(ending, step.expected) {
                self.asExpected.insert(index)
            } else {
                let name = step.draft?.type ?? "the unreadable record"
                problems.append("\(name) ended as \(ending.map { "\($0)" } ?? "nothing"), not as \(step.expected)")
            }
        }
        self.check("\(self.asExpected.count) of \(scenario.steps.count) records ended as they should", problems)
    }

    private static func matches(_ ending: DemoScenario.Ending?, _ expected: DemoScenario.Ending) -> Bool {
        if case .failure(let failureClass, nil) = expected, case .failure(failureClass, _) = ending { return true }
        return ending == expected
    }

    /// One outcome event a command; the replayed one has a second, another kind of event with another id.
    private mutating func checkOutcomes(_ scenario: DemoScenario, _ journal: DemoJournal, hasReplay: Bool) {
        var problems: [String] = hasReplay ? [] : ["nothing was replayed"]
        for (index, step) in scenario.steps.enumerated() {
            guard let draft = step.draft else { continue }
            let events = journal.outcomes[draft.id] ?? []
            let wanted = index == scenario.replayed && hasReplay ? 2 : 1
            if events.count != wanted { problems.append("\(draft.type) has \(events.count) outcome events") }
            if wanted == 2, events.last?.isSuccess != true { problems.append("the replay did not succeed") }
        }
        self.check("every command has one outcome event, and the replayed one a second", problems)
    }

    private mutating func checkLetters(
        _ scenario: DemoScenario, _ receipts: [CommandSender.Receipt], _ journal: DemoJournal
    ) {
        var problems: [String] = []
        for (step, receipt) in zip(scenario.steps, receipts) {
            let letter = journal.deadLetter(of: receipt)
            let name = step.draft?.type ?? "the unreadable record"
            guard let letter, step.expected.isDeadLettered else {
                if (letter != nil) != step.expected.isDeadLettered { problems.append("\(name): dead letter or not?") }
                continue
            }
            let sent: [UInt8] =
                switch step.payload {
                case .command(let draft, _): Array(draft.data)
                case .bytes(let bytes): bytes
                }
            if !letter[letter.value].elementsEqual(sent) { problems.append("\(name): the dead letter's bytes differ") }
        }
        self.check("dead letters hold the bytes that were sent", problems)
    }

    /// First attempts of one key start in the order of sending.
    private mutating func checkOrder(_ scenario: DemoScenario, _ journal: DemoJournal) {
        var last: [String: Int64] = [:]
        var problems: [String] = []
        var keys: Set<String> = []
        for step in scenario.steps {
            guard let draft = step.draft, let key = draft.key,
                let first = journal.audits[draft.id]?.filter({ $0.attempt == 1 }).map(\.startedAt).min()
            else { continue }
            let lane = "\(step.domain)/\(key)"
            if let earlier = last[lane] {
                keys.insert(lane)
                if earlier > first { problems.append("\(draft.type) overtook a command of its key") }
            }
            last[lane] = first
        }
        self.check("commands of one key ran in the order sent (\(keys.count) keys with several)", problems)
    }
}
