import ArgumentParser
import Ledger

struct OutboxRefusedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refused", abstract: "Records that were put aside because Kafka will never take them.",
        usage: "adjutant outbox refused --database-url <url> [<options>]",
        discussion: """
            Each with the reason, as a rule its size; see `outbox retry` for how to send them after all.

            EXAMPLES
              adjutant outbox refused --database-url postgres://localhost/shop
              adjutant outbox refused --topic lab.audit -o jsonl
            """)

    @OptionGroup var options: DatabaseOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Of this topic only")
    var topic: String?

    @Option(help: "Rows to show at most")
    var limit = 100

    func validate() throws {
        guard (1...10_000).contains(self.limit) else { throw ValidationError("--limit must be between 1 and 10000") }
    }

    func run() async throws {
        let selection = OutboxRefusal.Selection(topic: self.topic)
        let (found, count) = try await DatabaseSession.run(try self.options.settings()) { connection in
            (
                try await OutboxRefusal.list(selection, limit: self.limit, in: connection),
                try await OutboxRefusal.count(selection, in: connection)
            )
        }
        try self.output.print(found.map(RefusalRow.init), table: RefusalRow.table)
        if count > found.count { say("\(found.count) of \(count) are shown: see --limit") }
    }
}

struct OutboxRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Send records again that were put aside.",
        usage: "adjutant outbox retry --topic <topic> [--id <id> …] [--execute]",
        discussion: """
            Once the reason is mended (the topic's `max.message.bytes`, say), puts them into the outbox again, behind what \
            waits there. A record that is refused once more is put aside once more, under a new id.

            Exit codes: 0 done, or listed without --execute; 3 none was put aside.

            EXAMPLES
              adjutant outbox retry --topic lab.audit
              adjutant outbox retry --topic lab.audit --execute
              adjutant outbox retry --topic lab.audit --id 4711 --id 4712 --execute
            """)

    @OptionGroup var options: DatabaseOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Of this topic")
    var topic: String

    @Option(help: ArgumentHelp("Only this one, as `outbox refused` shows it; may be repeated", valueName: "id"))
    var id: [Int64] = []

    @Flag(help: "Do it; without this flag nothing is changed")
    var execute = false

    private static let shown = 100

    func run() async throws {
        let selection = OutboxRefusal.Selection(topic: self.topic, ids: self.id)
        try await DatabaseSession.run(try self.options.settings()) { connection in
            if self.execute {
                let count = try await OutboxRefusal.retry(selection, in: connection)
                guard count > 0 else { throw self.nothing }
                return say("\(count) records are in the outbox again")
            }
            let count = try await OutboxRefusal.count(selection, in: connection)
            guard count > 0 else { throw self.nothing }
            let found = try await OutboxRefusal.list(selection, limit: Self.shown, in: connection)
            try self.output.print(found.map(RefusalRow.init), table: RefusalRow.table)
            say("nothing was changed: \(count) records to send again; add --execute to do it")
        }
    }

    private var nothing: ToolError {
        ToolError(
            .notFound,
            "no \(self.id.isEmpty ? "record" : "such record") of \(self.topic) was put aside: see `outbox refused`")
    }
}

/// A record that was put aside, as the tool prints it.
struct RefusalRow: Encodable {
    var id: Int64
    var topic: String
    /// Nil when there is none, or when it is no text.
    var key: String?
    var bytes: Int
    var reason: String
    var createdAt: String
    var refusedAt: String

    init(_ refusal: OutboxRefusal) {
        self.id = refusal.id
        self.topic = refusal.topic
        self.key = refusal.key.flatMap { String(validating: $0, as: UTF8.self) }
        self.bytes = refusal.bytes
        self.reason = refusal.reason
        self.createdAt = refusal.createdAt.text
        self.refusedAt = refusal.refusedAt.text
    }

    static func table(_ rows: [RefusalRow]) -> TextTable {
        var table = TextTable([
            .init("ID", isRight: true), .init("TOPIC", least: 12), .init("KEY", least: 6),
            .init("BYTES", isRight: true),
            .init("REFUSED"), .init("REASON", least: 12),
        ])
        for row in rows {
            table.add([
                .init("\(row.id)"), .init(row.topic), .init(row.key ?? "-"), .init("\(row.bytes)"),
                .init(String(row.refusedAt.prefix(19)).replacing("T", with: " ")), .init(row.reason),
            ])
        }
        return table
    }
}
