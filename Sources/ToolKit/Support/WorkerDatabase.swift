import Commands
import Ledger
import Logging
import PostgresClient
import Processor

/// What a worker does with a database: the ledger, schedules, batches.
final class WorkerDatabase: Sendable {
    let ledger: PostgresLedger
    private let completer: BatchCompleter
    private let schedules: ScheduleRunner
    /// A service of its own, to be stopped after the engine: cancelled, it could not hand its share over.
    let outbox: OutboxService

    /// Brings the schema up to date first, unless `database.migrate` says no; then it only looks whether it is.
    init(
        _ configuration: PostgresConfiguration, group: String, worker: String, domains: [Domain],
        truncatable: Set<String>, settings: Settings, logger: Logger
    ) async throws {
        try await Self.prepare(configuration, settings, logger)
        let services = ToolEnvironment.current.services.filter { domains.contains($0.domain) }
        let completer = BatchCompleter(
            configuration, domains: domains.map(\.rawValue), observers: [ServiceBatchObserver(services: services)],
            logger: logger)
        var options = PostgresLedger.Settings(group: group, worker: worker)
        options.completer = completer
        if let value = settings.integer("database.recorders") { options.recorders = value }
        if let value = settings.integer("database.transactions") { options.transactions = value }
        if let value = settings.text("database.isolation").flatMap(PostgresIsolation.init) { options.isolation = value }
        self.completer = completer
        let outbox = try OutboxService(settings: settings, worker: worker, truncatable: truncatable, logger: logger)
        self.outbox = outbox
        self.ledger = PostgresLedger(configuration: configuration, settings: options, logger: logger)
        self.schedules = ScheduleRunner(configuration, logger: logger) { outbox.relay.wake() }
    }

    /// Sees to the schema. A database that is just starting, as it does beside its workers or after a crash, is waited for;
    /// not for long, since nobody may ever answer at the address.
    private static func prepare(
        _ configuration: PostgresConfiguration, _ settings: Settings, _ logger: Logger
    ) async throws {
        let limit = ContinuousClock.now + Self.patience
        while true {
            do {
                let migrator = try PostgresMigrator(
                    PostgresMigration.adjutant, configuration: configuration, logger: logger)
                // A worker's role need not be allowed to change the schema when there is nothing to change.
                do {
                    return try await migrator.requireCurrent()
                } catch let error as PostgresError where settings.flag("database.migrate") ?? true {
                    guard error.code == .migration || error.sqlState != nil, !error.isTransient else { throw error }
                    let applied = try await migrator.up()
                    return logger.info("the database has a new schema", metadata: ["migrations": "\(applied)"])
                }
            } catch let error as PostgresError where error.isTransient && ContinuousClock.now < limit {
                logger.warning("the database cannot be reached yet", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(300))
            } catch {
                throw ToolError(database: error)
            }
        }
    }

    private static let patience = Duration.seconds(10)

    /// Until the ledger is closed and the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.ledger.run() }
            tasks.addTask { await self.completer.run() }
            tasks.addTask { await self.schedules.run() }
        }
    }
}
