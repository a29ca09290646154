import ArgumentParser
import Commands
import Ledger

struct CommandsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List commands, the last received first.",
        usage: "adjutant commands list [--domain <domain>] [--state <state>] [<options>]",
        discussion: """
            All that is given must hold. A type alone, or a tenant, is looked for from the latest command backwards: with \
            --since or --until there is less to look through. When there are more rows, the place to go on is told on \
            standard error; --limit 0 shows all.

            EXAMPLES
              adjutant commands list --key order-4711
              adjutant commands list --state failed --code DECLINED --since 24h -o json
              adjutant commands list --batch 01890a5d-ac96-774b-bcce-b302099a8057 --limit 0 -o jsonl
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: "The domain")
    var domain: String?
    @Option(help: "The command's id")
    var id: String?
    @Option(help: "The command type")
    var type: String?
    @Option(help: "The ordering key")
    var key: String?
    @Option(help: "retrying, scheduled, succeeded, failed, cancelled or expired")
    var state: String?
    @Option(name: .customLong("class"), help: "The failure's class")
    var failureClass: String?
    @Option(help: "The failure's code")
    var code: String?
    @Option(help: "For whom it was sent")
    var actor: String?
    @Option(help: "Whose it is")
    var tenant: String?
    @Option(help: "The correlation id; also finds the command whose id it is")
    var correlation: String?
    @Option(help: "The batch's id")
    var batch: String?
    @Option(help: "Received since: RFC 3339, or so long ago, 24h")
    var since: String?
    @Option(help: "Received before: RFC 3339, or so long ago, 24h")
    var until: String?

    @OptionGroup var page: PageOptions

    private static let states = ["retrying", "scheduled", "succeeded", "failed", "cancelled", "expired"]

    func validate() throws {
        if let state, !Self.states.contains(state) {
            throw ValidationError("--state must be one of \(Self.states.joined(separator: ", "))")
        }
        if let failureClass, FailureClass(rawValue: failureClass) == nil {
            let known = FailureClass.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--class must be one of \(known)")
        }
    }

    func run() async throws {
        let settings = try self.options.settings()
        var filter = try self.filter(now: Clock.now())
        try await DatabaseSession.run(settings) { connection in
            try await self.page.print(HistoryRow.init, table: HistoryRow.table) { cursor, limit in
                filter.after = cursor
                return try await HistoryStore(connection).search(filter, limit: limit)
            }
        }
    }

    private func filter(now: Int64) throws -> HistoryFilter {
        var filter = HistoryFilter()
        filter.domain = self.domain
        filter.id = self.id
        filter.type = self.type
        filter.key = self.key
        filter.state = self.state
        filter.failureClass = self.failureClass
        filter.code = self.code
        filter.actor = self.actor
        filter.tenant = self.tenant
        filter.correlationID = self.correlation
        filter.batchID = self.batch
        filter.since = try self.since.map { try TimeText.moment($0, now: now, ago: true, flag: "since") }
        filter.until = try self.until.map { try TimeText.moment($0, now: now, ago: true, flag: "until") }
        return filter
    }
}
