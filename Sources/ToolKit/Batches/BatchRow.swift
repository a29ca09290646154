import Ledger

/// A batch as the tool prints it.
struct BatchRow: Encodable {
    var id: String
    var name: String
    var domain: String
    var state: String
    var total: Int
    var waiting: Int
    var succeeded: Int
    /// By class; classes that did not occur are left out.
    var failed: [String: Int]
    var cancelled: Int
    var deadLettered: Int
    /// Whether commands may still be added.
    var open: Bool
    var createdAt: String
    var createdBy: String?
    var cancelledAt: String?
    var cancelledBy: String?
    var cancelReason: String?
    var completedAt: String?

    init(_ batch: Batch) {
        self.id = batch.id
        self.name = batch.name
        self.domain = batch.domain
        self.state = batch.state.rawValue
        self.total = batch.total
        self.waiting = batch.waiting
        self.succeeded = batch.counts.succeeded
        self.failed = Dictionary(uniqueKeysWithValues: batch.counts.failedByClass.map { ($0.name, $0.count) })
        self.cancelled = batch.counts.cancelled
        self.deadLettered = batch.counts.deadLettered
        self.open = batch.closedAt == nil
        self.createdAt = batch.createdAt.text
        self.createdBy = batch.createdBy
        self.cancelledAt = batch.cancelledAt?.text
        self.cancelledBy = batch.cancelledBy
        self.cancelReason = batch.cancelReason
        self.completedAt = batch.completedAt?.text
    }

    private var failures: Int { self.failed.values.reduce(0, +) }

    static func table(_ rows: [BatchRow]) -> TextTable {
        var table = TextTable([
            .init("CREATED"), .init("STATE"), .init("DOMAIN"), .init("NAME", least: 8), .init("ID", least: 12),
            .init("TOTAL", isRight: true), .init("WAITING", isRight: true), .init("OK", isRight: true),
            .init("FAILED", isRight: true), .init("CANCELLED", isRight: true),
        ])
        for row in rows {
            let style: TextStyle =
                switch row.state {
                case Batch.State.completed.rawValue: .good
                case Batch.State.completedWithFailures.rawValue: .bad
                case Batch.State.cancelled.rawValue: .doubtful
                default: .plain
                }
            table.add([
                .init(String(row.createdAt.prefix(19)).replacing("T", with: " ")), .init(row.state, style),
                .init(row.domain), .init(row.name), .init(row.id), "\(row.total)", "\(row.waiting)",
                "\(row.succeeded)", "\(row.failures)", "\(row.cancelled)",
            ])
        }
        return table
    }

    func printText() {
        var text = FieldText()
        text.add("batch", self.id)
        text.add("name", self.name)
        text.add("domain", self.domain)
        text.add("state", self.state + (self.open ? ", open" : ""))
        text.add("total", "\(self.total)")
        text.add("waiting", "\(self.waiting)")
        text.add("succeeded", "\(self.succeeded)")
        let classes = self.failed.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        text.add("failed", "\(self.failures)" + (classes.isEmpty ? "" : ": \(classes)"))
        text.add("dead-lettered", "\(self.deadLettered)")
        text.add("cancelled", "\(self.cancelled)")
        text.add("created", self.createdAt + (self.createdBy.map { " by \($0)" } ?? ""))
        text.add("cancelled at", self.cancelledAt.map { $0 + (self.cancelledBy.map { " by \($0)" } ?? "") })
        text.add("reason", self.cancelReason)
        text.add("completed", self.completedAt)
        text.print()
    }
}
