import ArgumentParser
import Commands
import Foundation
import KafkaClient
import Logging

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send commands, and wait for their outcomes.",
        usage: "adjutant send --bootstrap-servers <servers> --domain <domain> [<options>]",
        discussion: """
            Prints the id of every command that the brokers have taken; with -o json or jsonl an object with id, topic, \
            partition and offset. With --wait it prints the outcome events instead, one JSON object a line, as they \
            come. Everything is checked before anything is sent, sizes too: what the limits.… settings, which should be those \
            of the workers, do not let in is refused.

            Lines of --from-file are the data alone when --type is given; otherwise each is an object with type and \
            data, and optionally id, key, headers and any CloudEvents attribute: \
            {"type":"user.delete","key":"u-1","data":{"userId":"u-1"},"actor":"support"}. Flags hold for lines that say \
            nothing else.

            Exit codes: 0 sent (with --wait: all succeeded), 2 some command failed or was not sent, 3 no such topic, \
            5 no broker, or no outcome in time.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant send --domain lab --type lab.run --data '{"echo":1}'
              adjutant send --domain lab --type lab.run --key k1 --wait 30
              adjutant send --domain commerce --from-file commands.jsonl -o jsonl
              seq 100 | sed 's/.*/{"echo":&}/' |
                adjutant send --domain lab --type lab.run --from-file -
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup(title: "THE COMMAND") var command: SendOptions

    @Option(help: "The domain whose commands topic gets it")
    var domain: String?

    @Flag(help: "The whole event as JSON in the value, instead of attributes in headers")
    var structured = false

    @Option(help: ArgumentHelp("Wait so long for the outcomes, after all is sent", valueName: "seconds"))
    var wait: Double?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let wait, !(wait > 0 && wait <= 86_400) { throw ValidationError("--wait must be above 0 and at most 86400") }
    }

    func run() async throws {
        let environment = ToolEnvironment.current
        guard let domain = self.domain ?? (environment.services.count == 1 ? environment.domainNames : nil) else {
            throw ToolError(.usage, "no domain given: use --domain, for example with one of \(environment.domainNames)")
        }
        let settings = try self.connection.settings()
        let drafts = try self.command.drafts(
            now: Clock.now(), structured: self.structured, limits: settings.limits())
        try await DedicatedThread.run("adj-send") { [self] in
            try self.send(drafts, domain: Domain(domain), settings: settings)
        }
    }

    private func send(_ drafts: [CommandDraft], domain: Domain, settings: Settings) throws {
        let logger = try settings.logger(default: .error)
        let configuration = try settings.kafka()
        let outcomes = self.wait == nil ? [] : [domain.resultsTopic, domain.failuresTopic]
        let topics = try ClusterCheck.topics(
            configuration, named: [domain.commandsTopic] + outcomes, logger: logger)
        var waiter: OutcomeWaiter?
        if self.wait != nil {
            waiter = try OutcomeWaiter(
                configuration: configuration, topics: Array(topics.dropFirst()), ids: drafts.map(\.id), logger: logger)
        }
        defer { waiter?.close() }
        let sender = CommandSender(
            configuration: configuration, topic: topics[0], structured: self.structured, logger: logger)
        let report = try sender.send(drafts)
        guard let wait, let waiter else {
            try self.printReceipts(report.sent)
            return try Self.check(report)
        }
        waiter.forget(allBut: report.sent.map(\.id))
        let isComplete = try waiter.wait(seconds: wait, print: self.output.format)
        try Self.check(report)
        guard isComplete else {
            throw ToolError(
                .unreachable, "no outcome within \(wait.formatted()) s of \(waiter.missing); is a worker running?")
        }
        if waiter.failed > 0 { throw ExitCode(ToolExit.partial.rawValue) }
    }

    private func printReceipts(_ receipts: [CommandSender.Receipt]) throws {
        switch self.output.format {
        case .table:
            var text: [UInt8] = []
            for receipt in receipts {
                text.append(contentsOf: receipt.id.printable.utf8)
                text.append(UInt8(ascii: "\n"))
            }
            StandardStream.output.write(text)
        case .json where self.command.file == nil: try OutputOptions.print(receipts, as: .jsonl)
        case .json, .jsonl: try OutputOptions.print(receipts, as: self.output.format)
        }
    }

    private static func check(_ report: CommandSender.Report) throws {
        guard let failure = report.firstFailure else { return }
        let total = report.sent.count + report.failed
        throw ToolError(
            report.sent.isEmpty ? failure.exit : .partial,
            "\(report.failed) of \(total) commands were not sent: \(failure.message)")
    }
}
