import KafkaClient
import KafkaTransport
import Ledger
import Logging
import PostgresClient
import Processor
import ServiceLifecycle

/// The relay of the outbox as a long-lived service: beside the engine in a worker, or in a process of its own.
package struct OutboxService: Service {
    package let relay: OutboxRelay
    private let ready: @Sendable () -> Void

    /// - Parameters:
    ///   - truncatable: Topics whose records may be cut down to a note of their size when they are too large.
    ///   - ready: Called once the relay has read the outbox for the first time.
    package init(
        settings: Settings, worker: String, truncatable: Set<String> = [], logger: Logger,
        ready: @escaping @Sendable () -> Void = {}
    ) throws {
        let kafka = WorkerAssembly.producerConfiguration(try settings.kafka())
        var outbox = OutboxSettings()
        outbox.worker = worker
        outbox.truncatable = truncatable
        if let value = settings.duration("outbox.lease") { outbox.lease = value }
        if let value = settings.duration("outbox.poll_interval") { outbox.pollInterval = value }
        if let value = settings.flag("outbox.listen") { outbox.listens = value }
        self.ready = ready
        self.relay = OutboxRelay(
            configuration: try settings.database(), settings: outbox, logger: logger
        ) { receiver in
            try KafkaRecordSender(configuration: kafka, receiver: receiver, logger: logger)
        }
    }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await self.relay.run(ready: self.ready)
        } onGracefulShutdown: {
            self.relay.stop()
        }
    }
}

extension Settings {
    /// The database to be used.
    ///
    /// - Throws: ``ToolError`` when none is named, or libpq cannot read what is.
    package func database() throws -> PostgresConfiguration {
        guard let url = self.text("database.url"), !url.isEmpty else {
            throw ToolError(
                .usage,
                "no database given: use --database-url, ADJUTANT_DATABASE_URL or database.url in the configuration file"
            )
        }
        do {
            return try PostgresConfiguration(url: url)
        } catch {
            throw ToolError(database: error)
        }
    }
}

extension ToolError {
    /// Translates what the database said.
    package init(database error: any Error) {
        guard let error = error as? PostgresError else {
            self.init(error)
            return
        }
        let exit: ToolExit
        if error.sqlState?.category == "28" || error.sqlState == .insufficientPrivilege {
            exit = .denied
        } else {
            switch error.code {
            case .configuration: exit = .usage
            case .connectFailed, .connectionLost, .poolTimeout: exit = .unreachable
            default: exit = error.kind == .reconnect ? .unreachable : .error
            }
        }
        let hint = error.sqlState == .undefinedTable ? "; apply the migrations to the database first" : ""
        self.init(exit, "the database: \(error)\(hint)")
    }
}
