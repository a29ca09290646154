import Commands
import DeadLetters

/// What a replay would do, as it is printed.
struct PlanRow: Encodable {
    struct Cause: Encodable {
        var fingerprint: String
        var `class`: String
        var code: String
        var type: String?
        var count: Int
    }

    struct Age: Encodable {
        var age: String
        var count: Int
    }

    var dryRun = true
    var matched: Int
    var send: Int
    var bytes: Int
    var targets: [String: Int]
    var quarantine: Int
    var skipped: [String: Int]
    /// Letters whose topic is not declared, by topic; those that name none under the empty name.
    var refused: [String: Int]
    var causes: [Cause]
    var ages: [Age]
    /// Of those to be sent: they would end as expired.
    var expired: Int
    var expectedSeconds: Double
    /// Whether the limit or the time ended the look.
    var complete: Bool
    private var moreCauses = 0

    private enum CodingKeys: String, CodingKey {
        case dryRun, matched, send, bytes, targets, quarantine, skipped, refused, causes, ages, expired
        case expectedSeconds, complete
    }

    init(_ plan: ReplayPlan, _ options: JobRecord.Options) {
        self.matched = plan.matched
        self.send = plan.send
        self.bytes = plan.bytes
        self.targets = plan.targets
        self.quarantine = plan.quarantine
        self.skipped = Dictionary(uniqueKeysWithValues: plan.skipped.map { ($0.key.rawValue, $0.value) })
        self.refused = plan.undeclared
        if plan.withoutOrigin > 0 { self.refused[""] = plan.withoutOrigin }
        self.causes = plan.causes.sorted.map {
            Cause(fingerprint: $0.fingerprint, class: $0.failureClass, code: $0.code, type: $0.type, count: $0.count)
        }
        self.ages = ReplayPlan.Age.allCases.compactMap { age in
            plan.ages[age].map { Age(age: age.rawValue, count: $0) }
        }
        self.expired = plan.expired
        self.expectedSeconds = (plan.expectedSeconds(rate: options.rate) * 10).rounded() / 10
        self.complete = plan.report.end == .complete
    }

    func text(for terminal: Terminal) -> String {
        var lines = [
            terminal.styled(
                "A replay would send \(DltText.count(self.send, "letter")), \(DltText.bytes(self.bytes))", .strong)
        ]
        lines.append("  time        \(DltText.seconds(self.expectedSeconds))")
        for (topic, count) in self.targets.sorted(by: { $0.value > $1.value }) {
            lines.append("  to          \(topic.printable): \(count)")
        }
        if self.quarantine > 0 { lines.append("  quarantine  \(self.quarantine), replayed too often") }
        for (reason, count) in self.skipped.sorted(by: { $0.key < $1.key }) {
            lines.append("  leave out   \(count), \(reason == "duplicate" ? "a duplicate of another letter" : reason)")
        }
        for (topic, count) in self.refused.sorted(by: { $0.key < $1.key }) {
            let why = topic.isEmpty ? "no topic named" : "\(topic.printable) is not declared"
            lines.append("  " + terminal.styled("refuse", .bad) + "      \(count), \(why)")
        }
        if self.expired > 0 {
            lines.append(
                "  " + terminal.styled("note", .doubtful)
                    + "        \(self.expired) have an expirytime that has passed: they would end as expired")
        }
        guard self.send > 0 else { return lines.joined(separator: "\n") + "\n" }
        lines += ["", "By cause"]
        lines += Self.histogram(
            self.causes.prefix(15).map { ("\($0.class) \($0.code) \($0.type ?? "")".printable, $0.count) })
        if self.causes.count > 15 { lines.append("  and \(self.causes.count - 15) more causes") }
        lines += ["", "By age"]
        lines += Self.histogram(self.ages.map { ($0.age, $0.count) })
        return lines.joined(separator: "\n") + "\n"
    }

    private static func histogram(_ rows: [(name: String, count: Int)]) -> [String] {
        let most = max(1, rows.map(\.count).max() ?? 1)
        let width = min(48, rows.map(\.name.count).max() ?? 0)
        return rows.map { row in
            let bar = String(repeating: "█", count: max(1, row.count * 30 / most))
            return
                "  \(row.name.cut(to: width).padded(to: width))  \("\(row.count)".padded(to: 8, right: true))  \(bar)"
        }
    }

    func refusal(domain: Domain, targets: ReplayTargets) -> String {
        let names = self.refused.keys.filter { !$0.isEmpty }.sorted().joined(separator: ", ").printable
        let count = self.refused.values.reduce(0, +)
        let why =
            names.isEmpty
            ? "their headers name no topic; say where with --to"
            : "the domain \(domain) declares no topic \(names) for commands; there are "
                + targets.names.sorted().joined(separator: ", ")
        return "\(DltText.count(count, "letter")) refused: \(why)"
    }
}
