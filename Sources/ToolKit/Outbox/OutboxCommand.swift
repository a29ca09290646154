import ArgumentParser
import Foundation
import Ledger
import Logging
import PostgresClient
import ServiceLifecycle

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox", abstract: "See what waits in the database's outbox, and send it.",
        discussion: """
            EXAMPLES
              adjutant outbox status --database-url postgres://localhost/shop
              adjutant outbox relay -b localhost:9092 --database-url postgres://localhost/shop
              adjutant outbox retry --topic lab.audit --execute
            """,
        subcommands: [
            OutboxStatusCommand.self, OutboxRelayCommand.self, OutboxRefusedCommand.self, OutboxRetryCommand.self,
        ])
}

struct OutboxRelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Send what services put into the outbox, without running a worker.",
        usage: "adjutant outbox relay --bootstrap-servers <servers> --database-url <url> [<options>]",
        discussion: """
            A worker with a database does the same beside its commands. Any number of relays share the work; each key's \
            records leave in order. Prints `ready` on standard output once it runs; SIGTERM or SIGINT stops it.

            EXAMPLES
              adjutant outbox relay -b localhost:9092 --database-url postgres://localhost/shop
              ADJUTANT_OUTBOX_LISTEN=false adjutant outbox relay -b localhost:9092
            """)

    @OptionGroup var connection: ConnectionOptions

    @OptionGroup var database: DatabaseURLOption

    @Option(help: "The relay's name in `outbox status`; host and process id when absent")
    var name: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical")
    var logLevel: String?

    func run() async throws {
        var settings = try self.connection.settings()
        try settings.setDatabaseURL(self.database.url)
        try settings.set("worker.name", self.name, flag: "name")
        try settings.set("log.level", self.logLevel, flag: "log-level")
        let logger = try settings.logger()
        let configuration = try settings.database()
        // A database that is not there, or lacks the tables, is told at once; later it is waited for.
        do {
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { connection.close() }
            _ = try await OutboxStatus.read(from: connection)
        } catch {
            throw ToolError(database: error)
        }
        let service = try OutboxService(
            settings: settings, worker: settings.workerName, logger: logger, ready: { put("ready") })
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger))
        let signals = StopSignals(logger: logger) { Task { await group.triggerGracefulShutdown() } }
        defer { signals.cancel() }
        do {
            try await group.run()
        } catch {
            throw ToolError(error)
        }
    }
}

extension Settings {
    /// How a worker or relay calls itself.
    var workerName: String {
        self.text("worker.name")
            ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
    }
}
