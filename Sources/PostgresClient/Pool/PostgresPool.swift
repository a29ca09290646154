import Logging
import Synchronization

/// Connections that are opened when they are needed, lent, and kept.
///
/// ``run()`` must be running: it ends waits that take too long, and looks after what is idle.
package final class PostgresPool: PostgresSession {
    typealias State = PoolState<PostgresConnection>

    package let configuration: PostgresConfiguration
    private let limits: PostgresPoolLimits
    private let logger: Logger
    private let state: Mutex<State>
    private let numbers = Atomic<Int>(0)

    package init(_ configuration: PostgresConfiguration, limits: PostgresPoolLimits = .init(), logger: Logger) {
        self.configuration = configuration
        self.limits = limits
        self.logger = logger
        self.state = Mutex(State(limit: configuration.maxConnections))
    }

    // MARK: Using

    /// Lends a connection to the body.
    ///
    /// - Throws: ``PostgresError`` with code `poolTimeout` when none became free, or could be opened, in time.
    @discardableResult
    package func withConnection<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
        let lease = try await self.lease()
        defer { self.putBack(lease) }
        return try await body(lease.connection)
    }

    /// Runs the body in a transaction on a connection of the pool: see ``PostgresConnection/transaction(isolation:_:)``.
    ///
    /// - Parameter onOwnThread: Run the body on the connection's thread, so that its statements cost no change of threads.
    @discardableResult
    package func withTransaction<Result>(
        isolation: PostgresIsolation = .readCommitted, onOwnThread: Bool = false,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await self.withConnection { connection in
            guard onOwnThread else { return try await connection.transaction(isolation: isolation, body) }
            return try await connection.onOwnThread {
                try await connection.transaction(isolation: isolation, body)
            }
        }
    }

    @discardableResult
    package func run(_ calls: [PostgresCall]) async throws -> [PostgresRows] {
        try await self.withConnection { try await $0.run(calls) }
    }

    /// How many connections there are, and how many of them are idle.
    package var counts: (open: Int, idle: Int, waiting: Int) {
        self.state.withLock { ($0.open, $0.idle.count, $0.waiters.count) }
    }

    // MARK: Lending

    private func lease() async throws -> State.Lease {
        let deadline = ContinuousClock.now + self.limits.acquireTimeout
        var pause = Duration.milliseconds(50)
        while true {
            switch try await self.grant(until: deadline) {
            case .connection(let lease):
                if lease.connection.isUsable { return lease }
                self.resume(self.state.withLock { $0.giveUp() })
            case .room:
                do {
                    return try await self.open()
                } catch {
                    self.resume(self.state.withLock { $0.giveUp() })
                    guard let error = error as? PostgresError, error.isTransient,
                        ContinuousClock.now + pause < deadline
                    else { throw error }
                    self.logger.debug("another try to connect follows", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: pause * Double.random(in: 0.75...1.25))
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    private func grant(until deadline: ContinuousClock.Instant) async throws -> State.Grant {
        let (grant, isClosed) = self.state.withLock { ($0.isClosed ? nil : $0.take(), $0.isClosed) }
        if isClosed { throw PoolErrors.closed }
        if let grant { return grant }
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        defer { self.state.withLock { $0.answered(waiter: number) } }
        return try await withTaskCancellationHandler {
            try await withUnsafeContinuation { continuation in
                let waiter = State.Waiter(number: number, deadline: deadline, continuation: continuation)
                self.resume(self.state.withLock { $0.wait(waiter) })
            }.get()
        } onCancel: {
            self.resume(self.state.withLock { $0.cancel(waiter: number) })
        }
    }

    private func open() async throws -> State.Lease {
        let number = self.numbers.add(1, ordering: .relaxed).newValue
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger) {
            [weak self] event in
            guard case .ended(let cause) = event else { return }
            self?.ended(number, cause)
        }
        return State.Lease(number: number, connection: connection, opened: .now)
    }

    private func ended(_ number: Int, _ cause: PostgresError) {
        if cause.code != .closed { self.logger.info("a database connection ended", metadata: ["error": "\(cause)"]) }
        self.resume(self.state.withLock { $0.ended(number: number) })
    }

    private func putBack(_ lease: State.Lease) {
        let now = ContinuousClock.now
        // What is inside a transaction, or does something for a task that gave up, is of no use to others.
        guard lease.connection.core.isAtRest, now - lease.opened < self.limits.maxLifetime else {
            lease.connection.core.discard(
                PostgresError(code: .closed, kind: .reconnect, message: "the connection was given up by its pool"))
            self.resume(self.state.withLock { $0.giveUp() })
            return
        }
        let (resumption, closes) = self.state.withLock { $0.putBack(lease, at: now) }
        if closes { lease.connection.close() }
        self.resume(resumption)
    }

    private func resume(_ resumption: State.Resumption?) {
        resumption?.continuation.resume(returning: resumption!.answer)
    }

    // MARK: Looking after

    /// Looks after the pool until the task is cancelled; then closes it.
    ///
    /// Connections that are lent are closed when they come back.
    package func run() async {
        await withDiscardingTaskGroup { group in
            var nextCheck = ContinuousClock.now + self.limits.checkInterval
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(100))
                let now = ContinuousClock.now
                for resumption in self.state.withLock({ $0.expire(at: now) }) { self.resume(resumption) }
                guard now >= nextCheck else { continue }
                nextCheck = now + self.limits.checkInterval
                let idle = self.state.withLock { $0.takeIdle(since: now - self.limits.checkInterval) }
                for lease in idle { group.addTask { await self.check(lease) } }
            }
        }
        self.close()
    }

    /// Asks a connection that has been idle whether it still lives.
    private func check(_ lease: State.Lease) async {
        // A failure ends the connection, which shows when it is put back.
        _ = try? await lease.connection.query("SELECT 1")
        self.putBack(lease)
    }

    private func close() {
        let (refused, idle) = self.state.withLock { $0.close() }
        for resumption in refused { self.resume(resumption) }
        for lease in idle { lease.connection.close() }
    }
}
