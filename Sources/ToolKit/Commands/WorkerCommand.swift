import ArgumentParser
import Commands
import Foundation
import KafkaClient
import KafkaTransport
import Logging
import Processor
import ServiceLifecycle
import TopicDeclarations

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run the processor: commands in, outcomes out.",
        usage: "adjutant worker --bootstrap-servers <servers> --domain <domain> [<options>]",
        discussion: """
            Prints `ready` on standard output once it owns its partitions; logs go to standard error. SIGTERM or SIGINT \
            stops it: what runs may finish within the grace period; a second signal stops at once.

            EXAMPLES
              adjutant worker --bootstrap-servers localhost:9092 --domain commerce
              adjutant worker -b localhost:9092 --domain lab --concurrency 64 -X session.timeout.ms=6000
              ADJUTANT_RETRY_DELAYS=1s,10s adjutant worker -b localhost:9092 --domain lab
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "A domain to serve; may be repeated")
    var domain: [String] = []

    @Option(
        help: """
            The consumer group; adjutant.<domain> when absent, with several domains adjutant.<domain>.<domain> in the \
            order of the alphabet: with another domain it is another group, which starts at the beginning
            """)
    var group: String?

    @Option(help: "Handlers running at once")
    var concurrency: Int?

    @OptionGroup var database: DatabaseURLOption

    @Option(help: "The worker's name in audit events")
    var name: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical")
    var logLevel: String?

    func run() async throws {
        var settings = try self.connection.settings()
        try settings.set(
            "worker.domains", self.domain.isEmpty ? nil : self.domain.joined(separator: ","), flag: "domain")
        try settings.set("worker.group", self.group, flag: "group")
        try settings.set("worker.concurrency", self.concurrency.map(String.init), flag: "concurrency")
        try settings.set("worker.name", self.name, flag: "name")
        try settings.set("log.level", self.logLevel, flag: "log-level")
        try settings.setDatabaseURL(self.database.url)
        let logger = try settings.logger()
        let worker = try WorkerAssembly(settings: settings, logger: logger)
        try await worker.run { put("ready") }
    }
}
