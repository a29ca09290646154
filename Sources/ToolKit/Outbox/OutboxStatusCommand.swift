import ArgumentParser
import Ledger
import Logging
import PostgresClient

struct OutboxStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Rows waiting by topic, the age of the oldest, and the relays.",
        usage: "adjutant outbox status --database-url <url> [<options>]",
        discussion: """
            Topics go to standard output, relays to standard error. Exit code 2 when a topic takes nothing at present, or \
            records were put aside because Kafka will never take them.

            EXAMPLES
              adjutant outbox status --database-url postgres://localhost/shop
              ADJUTANT_DATABASE_URL=postgres://localhost/shop adjutant outbox status -o json
            """)

    @OptionGroup var options: DatabaseOptions
    @OptionGroup var output: OutputOptions

    struct Row: Encodable {
        var topic: String
        var waiting: Int
        /// Of the oldest.
        var ageSeconds: Double?
        var putAside: Int
        var refusal: String?
    }

    func run() async throws {
        let settings = try self.options.settings()
        let configuration = try settings.database()
        let logger = try settings.logger(default: .warning)
        let status: OutboxStatus
        do {
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { connection.close() }
            status = try await OutboxStatus.read(from: connection)
        } catch {
            throw ToolError(database: error)
        }
        let rows = status.topics.map {
            Row(topic: $0.name, waiting: $0.waiting, ageSeconds: $0.oldest, putAside: $0.putAside, refusal: $0.refusal)
        }
        try self.output.print(rows, table: Self.table)
        if status.relays.isEmpty { say("no relay runs: start a worker with this database, or `outbox relay`") }
        for relay in status.relays {
            say("relay \(relay.worker): \(relay.slots) of 64 slots\(relay.isAsleep ? ", asleep" : "")")
        }
        if status.topics.contains(where: { $0.putAside > 0 }) {
            say("records were put aside: `outbox refused` tells why, `outbox retry` sends them again")
        }
        guard status.topics.allSatisfy({ $0.refusal == nil && $0.putAside == 0 }) else {
            throw ExitCode(ToolExit.partial.rawValue)
        }
    }

    private static func table(_ rows: [Row]) -> TextTable {
        var table = TextTable([
            .init("TOPIC", least: 12), .init("WAITING", isRight: true), .init("OLDEST", isRight: true),
            .init("PUT ASIDE", isRight: true), .init("TAKES NOTHING BECAUSE", least: 12),
        ])
        for row in rows {
            table.add([
                .init(row.topic), .init("\(row.waiting)"),
                .init(row.ageSeconds.map { "\(Int($0)) s" } ?? ""), .init("\(row.putAside)"), .init(row.refusal ?? ""),
            ])
        }
        return table
    }
}
