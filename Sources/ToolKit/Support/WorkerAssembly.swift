import Commands
import Foundation
import KafkaClient
import KafkaTransport
import Ledger
import Logging
import Processor
import ServiceLifecycle
import TopicDeclarations

/// Puts a worker together from the settings: the services' handlers, the engine, and Kafka on both sides of it.
package struct WorkerAssembly: Sendable {
    private let settings: Settings
    private let logger: Logger
    private let domains: [ProcessedDomain]
    private let group: String

    package init(settings: Settings, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        let environment = ToolEnvironment.current
        var seen: Set<String> = []
        let names = (settings.list("worker.domains") ?? []).filter { seen.insert($0).inserted }
        guard !names.isEmpty || environment.services.count == 1 else {
            throw ToolError(.usage, "no domain given: use --domain with one of \(environment.domainNames)")
        }
        let wanted = names.isEmpty ? environment.services.map(\.domain) : names.map { Domain($0) }
        let topics = try settings.topics()
        self.domains = try wanted.map { name in
            var registry = try environment.registry(of: environment.requireService(name, otherwise: .usage))
            registry.updatePolicies { type, policy in settings.apply(to: &policy, of: type) }
            return ProcessedDomain(names: name, registry: registry, tiers: settings.tiers(of: name, topics: topics))
        }
        self.group = settings.group(serving: wanted)
    }

    /// Runs until a signal or a failure that cannot be mended from inside.
    package func run(ready: @escaping @Sendable () -> Void) async throws {
        let database = try await self.makeDatabase()
        let engine = try await DedicatedThread.run("adj-start") { try self.makeEngine(ledger: database?.ledger) }
        let service = EngineService(engine: engine, database: database, ready: ready)
        // Stopped from the last to the first: the relay still sends what the last commands put into the outbox.
        var parts: [any Service] = [service]
        if let outbox = database?.outbox { parts.insert(outbox, at: 0) }
        let services = parts.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: services, logger: self.logger))
        let signals = StopSignals(logger: self.logger) { Task { await group.triggerGracefulShutdown() } }
        defer { signals.cancel() }
        do {
            try await group.run()
        } catch {
            throw ToolError(error)
        }
        self.logger.info("stopped")
    }

    /// Runs an engine and, as long as it runs, what it does with its database.
    static func run(
        _ engine: Engine, with database: WorkerDatabase?, ready: @escaping @Sendable () -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            if let database { tasks.addTask { await database.run() } }
            defer {
                database?.ledger.close()
                tasks.cancelAll()
            }
            try await engine.run(ready: ready)
        }
    }

    /// What remembers finished commands, when there is a database.
    func makeDatabase() async throws -> WorkerDatabase? {
        guard self.settings.text("database.url")?.isEmpty == false else { return nil }
        let configuration = try self.settings.database()
        return try await WorkerDatabase(
            configuration, group: self.group, worker: self.workerName, domains: self.domains.map(\.names),
            truncatable: self.truncatableTopics, settings: self.settings, logger: self.logger)
    }

    /// Whose events are cut down to a note of their size when they are too large.
    private var truncatableTopics: Set<String> {
        Set(
            self.domains.flatMap { [$0.resultsTopic, $0.failuresTopic] }
                + (self.settings.list("worker.reply_topics") ?? []))
    }

    private var workerName: String {
        self.settings.text("worker.name")
            ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
    }

    /// The engine with its source and sink; the cluster is reached and has the topics. Blocks.
    package func makeEngine(ledger: PostgresLedger? = nil) throws -> Engine {
        let configuration = try self.settings.kafka()
        let cluster = try ClusterCheck.topics(configuration, logger: self.logger)
        let partitions = Dictionary(cluster.map { ($0.name, $0.partitions) }, uniquingKeysWith: { $1 })
        let inputs = self.domains.flatMap(\.inputTopics)
        let missing = (inputs + self.domains.flatMap(\.outputTopics)).filter { partitions[$0] == nil }
        guard missing.isEmpty else {
            throw ToolError(
                .notFound,
                "topics are missing on \(configuration["bootstrap.servers"] ?? ""): \(missing.joined(separator: ", ")); "
                    + "create them with `\(ToolEnvironment.current.name) topics apply --execute`")
        }
        do {
            let consumer = try KafkaConsumer(
                configuration: configuration.with(defaults: Self.consumerDefaults(self.group)), logger: self.logger)
            try consumer.subscribe(inputs)
            let engine = Engine(
                domains: self.domains, source: KafkaSource(consumer: consumer, logger: self.logger),
                ledger: ledger, settings: self.engineSettings(), group: self.group, limits: self.settings.limits(),
                logger: self.logger)
            engine.connect(
                try KafkaSink(
                    configuration: Self.producerConfiguration(configuration),
                    topics: self.sinkTopics(partitions),
                    truncatable: self.truncatableTopics,
                    receiver: engine,
                    logger: self.logger))
            return engine
        } catch {
            throw ToolError(error)
        }
    }

    /// What the engine writes to, the busiest first, with the numbers of partitions.
    private func sinkTopics(_ partitions: [String: Int32]) -> [(name: String, partitions: Int32)] {
        let names =
            self.domains.flatMap(\.outputTopics) + self.domains.flatMap(\.inputTopics)
            + (self.settings.list("worker.reply_topics") ?? [])
        return names.map { ($0, partitions[$0] ?? 0) }
    }

    private func engineSettings() -> EngineSettings {
        var engine = EngineSettings()
        if let value = self.settings.integer("worker.concurrency") { engine.concurrency = value }
        if let value = self.settings.integer("worker.threads") { engine.threads = value }
        if let value = self.settings.integer("worker.spare_threads") { engine.spareThreads = value }
        if let value = self.settings.duration("worker.blocked_after") { engine.blockedAfter = value }
        if let value = self.settings.integer("worker.in_flight") { engine.inFlight = value }
        if let value = self.settings.integer("worker.in_flight_bytes") { engine.inFlightBytes = value }
        if let value = self.settings.integer("worker.waiting") { engine.waiting = value }
        if let value = self.settings.integer("worker.waiting_bytes") { engine.waitingBytes = value }
        if let value = self.settings.integer("worker.look_ahead") { engine.lookAhead = value }
        if let value = self.settings.integer("worker.look_ahead_bytes") { engine.lookAheadBytes = value }
        if let value = self.settings.duration("worker.commit_interval") { engine.commitInterval = value }
        if let value = self.settings.duration("worker.grace") { engine.grace = value }
        if let value = self.settings.duration("worker.revoke_grace") { engine.revokeGrace = value }
        if let value = self.settings.duration("worker.cancellation_grace") { engine.cancellationGrace = value }
        if let value = self.settings.duration("worker.stuck_after") { engine.stuckAfter = value }
        if let value = self.settings.duration("worker.overdue_after") { engine.overdueAfter = value }
        if let value = self.settings.duration("worker.fenced_grace") { engine.fencedGrace = value }
        engine.replyTopics = Set(self.settings.list("worker.reply_topics") ?? [])
        engine.worker = self.workerName
        return engine
    }

    /// What the settings may override: prefetching bounded, so that a backlog stays with the broker.
    package static func consumerDefaults(_ group: String) -> [String: String] {
        [
            "group.id": group,
            "client.id": "adjutant",
            "queued.min.messages": "20000",
            "queued.max.messages.kbytes": "8192",
            "fetch.wait.max.ms": "100",
            "socket.nagle.disable": "true",
        ]
    }

    /// Properties of the consumer mean nothing to a producer, and librdkafka warns of them.
    package static func withoutConsumerProperties(_ configuration: KafkaConfiguration) -> KafkaConfiguration {
        var result = configuration
        for name in configuration.properties.keys where Self.consumerOnly.contains(where: { name.hasPrefix($0) }) {
            result[name] = nil
        }
        return result
    }

    package static func producerConfiguration(_ configuration: KafkaConfiguration) -> KafkaConfiguration {
        Self.withoutConsumerProperties(configuration).with(defaults: [
            "client.id": "adjutant", "linger.ms": "2", "socket.nagle.disable": "true",
            "message.max.bytes": "16777216",
            "queue.buffering.max.messages": "1000000", "queue.buffering.max.kbytes": "262144",
        ])
    }

    private static let consumerOnly = [
        "group.", "session.timeout", "heartbeat.", "max.poll", "partition.assignment", "auto.offset", "fetch.",
        "queued.",
        "enable.auto", "isolation", "coordinator", "enable.partition.eof", "check.crcs",
    ]
}

/// The engine and its ledger as one long-lived service.
private struct EngineService: Service {
    let engine: Engine
    let database: WorkerDatabase?
    let ready: @Sendable () -> Void

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await WorkerAssembly.run(self.engine, with: self.database, ready: self.ready)
        } onGracefulShutdown: {
            self.engine.stop()
        }
    }
}
