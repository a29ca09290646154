import DeadLetters
import Processor

/// A replay job as it is printed.
struct JobRow: Sendable, Encodable {
    var id: String
    /// As noted; `interrupted` when nobody works on a job that never ended.
    var state: String
    var note: String
    var domain: String
    var topic: String
    var filter: String
    var reason: String
    var actor: String
    var createdAt: String
    var updatedAt: String
    var options: JobRecord.Options
    var counts: JobRecord.Counts

    init(_ job: JobRecord, isAlive: Bool) {
        self.id = job.id
        self.state = job.state == .running && !isAlive ? "interrupted" : job.state.rawValue
        self.note = job.note
        self.domain = job.domain
        self.topic = job.topic
        self.filter = job.options.filter
        self.reason = job.options.reason
        self.actor = job.options.actor
        self.createdAt = DltText.time(job.createdAt)
        self.updatedAt = DltText.time(job.updatedAt)
        self.options = job.options
        self.counts = job.counts
    }

    static func table(_ rows: [JobRow]) -> TextTable {
        var table = TextTable([
            .init("JOB"), .init("STATE"), .init("SENT", isRight: true), .init("QUARANTINED", isRight: true),
            .init("LEFT OUT", isRight: true), .init("UPDATED"), .init("BY", least: 8), .init("FILTER", least: 12),
            .init("REASON", least: 12),
        ])
        for row in rows {
            table.add([
                .init(row.id), .init(row.state, row.style), "\(row.counts.sent)", "\(row.counts.quarantined)",
                "\(row.counts.skipped + row.counts.refused)",
                .init(String(row.updatedAt.prefix(19)).replacing("T", with: " ")), .init(row.actor),
                .init(row.filter.isEmpty ? "-" : row.filter), .init(row.reason),
            ])
        }
        return table
    }

    private var style: TextStyle {
        switch self.state {
        case "finished": .good
        case "running": .plain
        default: .doubtful
        }
    }

    /// The end of a job, for people.
    func summary(for terminal: Terminal) -> String {
        let counts = self.counts.named.filter { $0.count > 0 }.map { "\($0.count) \(Self.words[$0.name] ?? $0.name)" }
        let text = counts.isEmpty ? "nothing matched" : counts.joined(separator: ", ")
        return "\(self.id) \(terminal.styled(self.state, self.style)): \(text)\n"
    }

    private static let words = ["failedAgain": "failed again", "failed": "not taken", "repeated": "perhaps sent twice"]

    /// Everything, for people.
    func text(for terminal: Terminal) -> String {
        var lines = [terminal.styled(self.id, .strong)]
        func row(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            lines.append("  " + terminal.styled(name.padded(to: 12), .faint) + value.printable)
        }
        row("state", self.note.isEmpty ? self.state : "\(self.state): \(self.note)")
        row("topic", self.topic)
        row("filter", self.filter)
        row("reason", self.reason)
        row("by", self.actor)
        row("created", self.createdAt)
        row("updated", self.updatedAt)
        row("rate", self.options.rate.map { "\($0) a second" })
        row("limit", self.options.limit.map { "\($0)" })
        row("canary", self.options.canary.map { "\($0)" })
        row("until", self.options.until.map(DltText.time))
        row("to", self.options.target)
        row("ordered", self.options.isOrdered ? "yes" : nil)
        for (name, count) in self.counts.named where count > 0 { row(Self.words[name] ?? name, "\(count)") }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// How fast a job is.
final class JobMeter {
    let total: Double
    private let startedAt: Int64
    private let clock: EngineClock
    private let sentBefore: Int

    init(_ job: JobRecord, clock: EngineClock) {
        self.total = Double(job.ranges.reduce(0) { $0 + $1.count })
        self.clock = clock
        self.startedAt = clock.monotonic()
        self.sentBefore = job.counts.sent
    }

    func text(_ job: JobRecord) -> String {
        let counts = job.counts
        let seconds = max(0.001, Double(self.clock.monotonic() - self.startedAt) / 1_000_000)
        let rate = Double(counts.sent - self.sentBefore) / seconds
        var parts = ["\(counts.sent) sent, \(Int(rate))/s"]
        if counts.succeeded + counts.failedAgain > 0 {
            parts.append("\(counts.succeeded) succeeded, \(counts.failedAgain) failed again")
        }
        if counts.quarantined > 0 { parts.append("\(counts.quarantined) quarantined") }
        return parts.joined(separator: ", ")
    }
}
