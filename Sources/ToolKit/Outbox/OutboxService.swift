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
        if let value = settings.flag("outbox.listen") { outbox.listens = value }
        // Looking is all it can do then.
        if !outbox.listens { outbox.pollInterval = .milliseconds(50) }
        if let value = settings.duration("outbox.poll_interval") { outbox.pollInterval = value }
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
