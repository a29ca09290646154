import Logging
import PostgresClient
import ServiceLifecycle

/// Sends the commands of schedules when they are due: each due time once, however many runners there are.
///
/// A due schedule is locked, its command put into the outbox and its next due time set in one transaction; other runners
/// pass over what is locked. Times are the database's: the host's clock only measures how long to sleep.
///
/// Two loops, each with a connection of its own: this one serves what is due, ``ScheduleCrowd`` writes beforehand what is
/// due with many others.
package final class ScheduleRunner: Service {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let groupSize: Int
    private let longestSleep: Duration
    private let didFire: @Sendable () -> Void
    private let signal = Signal()

    static let longestSleep = Duration.milliseconds(50)

    /// - Parameters:
    ///   - groupSize: How many schedules are fired in one transaction at most.
    ///   - longestSleep: The pause after which it looks even when nothing is known to be due. It bounds how late a new
    ///     schedule is when its notification was lost, and is short enough for that not to matter.
    ///   - didFire: Called when commands have been put into the outbox.
    package init(
        _ configuration: PostgresConfiguration, groupSize: Int = 500,
        longestSleep: Duration = ScheduleRunner.longestSleep,
        logger: Logger, didFire: @escaping @Sendable () -> Void = {}
    ) {
        var configuration = configuration
        // A frozen runner must not keep what it has locked.
        configuration.idleInTransactionTimeout = min(configuration.idleInTransactionTimeout, .seconds(3))
        self.configuration = configuration
        self.groupSize = groupSize
        self.longestSleep = longestSleep
        self.didFire = didFire
        self.logger = logger
    }

    /// Makes it look for due schedules now.
    package func wake() { self.signal.raise() }

    /// Runs until the task is cancelled or a graceful shutdown begins.
    package func run() async {
        await cancelWhenGracefulShutdown {
            let listener = PostgresListener(
                self.configuration, channels: [ScheduleStore.channel], logger: self.logger)
            let crowd = ScheduleCrowd(groupSize: self.groupSize, logger: self.logger)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await listener.run() }
                group.addTask { for await _ in listener.events { self.signal.raise() } }
                group.addTask { await self.keep { try await self.serve($0) } }
                group.addTask {
                    await self.keep { connection in
                        if try await crowd.serve(connection) > 0 {
                            self.didFire()
                        } else {
                            try await Task.sleep(for: ScheduleCrowd.interval)
                        }
                    }
                }
            }
        }
    }

    /// Takes turns until the task is cancelled, with a new connection when one is lost.
    private func keep(_ turn: (PostgresConnection) async throws -> Void) async {
        var pause = Duration.milliseconds(100)
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
                defer { connection.close() }
                while !Task.isCancelled {
                    try await turn(connection)
                    pause = .milliseconds(100)
                }
            } catch is CancellationError {
                return
            } catch {
                // An unknown COMMIT too: the rows say whether it took effect.
                self.logger.warning(
                    "schedules: the database cannot be used, will be tried again",
                    metadata: ["error": "\(error)", "pause": "\(pause)"])
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    /// Looks for what is due next, and fires it or waits for it.
    private func serve(_ connection: PostgresConnection) async throws {
        let before = ContinuousClock.now
        let row = try await connection.query(Self.earliest).only
        let after = ContinuousClock.now
        var deadline = after + self.longestSleep
        if let next = try row.get(0, as: PostgresTimestamp?.self) {
            let now = try row.get(1, as: PostgresTimestamp.self)
            let wait = Duration.microseconds(next.microseconds - now.microseconds)
            if wait > .zero {
                // The server read its clock in between.
                deadline = min(deadline, before + (after - before) / 2 + wait)
            } else {
                guard try await self.fireGroup(on: connection) == 0 else { return }
                // Due and not taken: another runner has locked it.
                deadline = min(deadline, after + .milliseconds(20))
            }
        }
        try Task.checkCancellation()
        await self.signal.wait(until: deadline)
    }

    /// - Returns: How many schedules were served.
    private func fireGroup(on connection: PostgresConnection) async throws -> Int {
        let count = try await connection.transaction { transaction in
            let rows = try await transaction.query(Self.due, [.int(self.groupSize)])
            guard !rows.isEmpty else { return 0 }
            let group = try FireGroup(rows, logger: self.logger)
            try await transaction.commit(after: group.calls)
            return rows.count
        }
        if count > 0 { self.didFire() }
        return count
    }

    /// In the order of the index, so that a few of very many are found without sorting them.
    private static let due = PostgresStatement(
        trusted: """
            SELECT \(Schedule.columns), statement_timestamp() AS now FROM adjutant.schedules
            WHERE next_due <= statement_timestamp() AND paused_at IS NULL
            ORDER BY next_due LIMIT $1 FOR UPDATE SKIP LOCKED
            """)

    private static let earliest: PostgresStatement = """
        SELECT (SELECT next_due FROM adjutant.schedules WHERE next_due IS NOT NULL AND paused_at IS NULL
            ORDER BY next_due LIMIT 1), clock_timestamp()
        """
}
