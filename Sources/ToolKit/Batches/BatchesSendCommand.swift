import ArgumentParser
import Commands
import KafkaClient
import Ledger
import Logging
import PostgresClient

struct BatchesSendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send commands as a batch.",
        usage: "adjutant batches send -b <servers> --domain <domain> --name <name> --from-file <file> [<options>]",
        discussion: """
            Creates the batch, sends the commands with its id as their batchid, and prints the id. The lines of \
            --from-file are those of `adjutant send`. With --batch the commands are added to a batch that is still open; \
            --keep-open leaves it open for more.

            A batch counts what ends for the first time: give no ids that were sent before, or the batch waits for them in \
            vain. Ids that are repeated in the file are refused, and so is what is larger than the limits.… settings, \
            which should be those of the workers, let in. The id of a new batch is told on standard error as soon as \
            there is one.

            Exit codes: 0 all sent, 2 some were not (the batch counts those that were), 3 no such topic or batch, \
            4 the batch is closed or of another domain, 5 no broker or no database.

            EXAMPLES
              adjutant batches send -b localhost:9092 --domain commerce --name import --from-file commands.jsonl
              seq 1000 | sed 's/.*/{"echo":&}/' |
                adjutant batches send -b localhost:9092 --domain lab --name load --type lab.run --from-file -
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var database: DatabaseURLOption
    @OptionGroup(title: "THE COMMANDS") var commands: SendOptions

    @Option(help: "The domain whose commands topic gets them")
    var domain: String?

    @Option(help: "What people call the batch; need not be unique")
    var name: String?

    @Option(help: ArgumentHelp("Add to this open batch", valueName: "id"))
    var batch: String?

    @Flag(name: .customLong("keep-open"), help: "Leave the batch open for more commands")
    var keepsOpen = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (self.name == nil) != (self.batch == nil) else {
            throw ValidationError("give either --name for a new batch or --batch for one that is open")
        }
    }

    func run() async throws {
        let domain = try ToolEnvironment.current.domain(self.domain)
        var settings = try self.connection.settings()
        try settings.setDatabaseURL(self.database.url)
        let drafts = try self.drafts(settings)
        let sender = try await self.sender(domain, settings)
        let (batch, report) = try await DatabaseSession.run(settings) { connection in
            try await self.send(drafts, as: domain, by: sender, BatchStore(connection))
        }
        if self.output.format == .table {
            put(batch.id)
        } else {
            try OutputOptions.print([BatchRow(batch)], as: .jsonl)
        }
        guard let failure = report.firstFailure else { return }
        throw ToolError(
            report.sent.isEmpty ? failure.exit : .partial,
            "\(report.failed) of \(drafts.count) commands were not sent: \(failure.message)")
    }

    /// Checked with an attribute in place of the batch's id, which is as long; the batch is created after that.
    private func drafts(_ settings: Settings) throws -> [CommandDraft] {
        let limits = settings.limits()
        let id = self.batch ?? Identifier.commandID(at: Clock.now())
        let drafts = try self.commands.drafts(now: Clock.now(), limits: limits).map { $0.marked(batch: id) }
        if let problem = CommandRules.problem(batch: drafts, limits: limits) {
            throw ToolError(.usage, "\(problem); nothing was sent")
        }
        return drafts
    }

    /// Before a batch is created, so that none is left behind when there is no broker.
    private func sender(_ domain: Domain, _ settings: Settings) async throws -> CommandSender {
        try await DedicatedThread.run("adj-send") {
            let logger = try settings.logger(default: .error)
            let configuration = try settings.kafka()
            let topics = try ClusterCheck.topics(configuration, named: [domain.commandsTopic], logger: logger)
            return CommandSender(configuration: configuration, topic: topics[0], structured: false, logger: logger)
        }
    }

    private func send(
        _ drafts: [CommandDraft], as domain: Domain, by sender: CommandSender, _ store: BatchStore
    ) async throws -> (Batch, CommandSender.Report) {
        let batch = try await self.openBatch(domain, store)
        if self.batch == nil { say("the batch is \(batch.id)") }
        let marked = drafts.map { $0.marked(batch: batch.id) }
        // Counted before they are sent: a command may end before the last is on its way.
        try await store.extend(batch.id, by: marked.count)
        let report: CommandSender.Report
        do {
            report = try await DedicatedThread.run("adj-send") { try sender.send(marked) }
        } catch {
            try await self.uncount(marked.count, of: batch, in: store)
            throw error
        }
        try await self.uncount(report.failed, of: batch, in: store)
        if !self.keepsOpen { try await Self.unlessClosed { try await store.close(batch.id) } }
        return (try await store.find(batch.id) ?? batch, report)
    }

    /// Takes commands that were not sent out of the total.
    private func uncount(_ count: Int, of batch: Batch, in store: BatchStore) async throws {
        guard count > 0 else { return }
        let isOpen = try await Self.unlessClosed { try await store.extend(batch.id, by: -count) }
        if !isOpen {
            say(
                "batch \(batch.id) was closed or cancelled meanwhile, with \(count) commands that were not sent in its total"
            )
        }
    }

    /// False when somebody has closed or cancelled the batch while its commands were sent: what is sent is sent.
    @discardableResult
    private static func unlessClosed(_ change: () async throws -> Void) async throws -> Bool {
        do {
            try await change()
            return true
        } catch let error as LedgerError where error.kind == .conflict {
            return false
        }
    }

    private func openBatch(_ domain: Domain, _ store: BatchStore) async throws -> Batch {
        guard let id = self.batch else {
            return try await store.create(name: self.name ?? "", domain: domain, by: ActorOption.user)
        }
        guard let batch = try await store.find(id) else { throw ToolError(.notFound, "there is no batch \(id)") }
        guard batch.domain == domain.rawValue else {
            throw ToolError(.denied, "batch \(id) is one of the domain \(batch.domain)")
        }
        return batch
    }
}
