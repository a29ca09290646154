import Logging
import PostgresClient
import ServiceLifecycle
import Synchronization

/// Looks whether batches are through: those that it is told of soon after, all of them now and then.
package final class BatchCompleter: Service {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let observers: [any BatchObserver]
    /// The shortest time between two looks: what comes in between is looked at together.
    private let pause: Duration
    /// How often all batches are looked at, for those whose worker died before it could look.
    private let sweep: Duration
    private let touched = Mutex<Set<String>>([])
    private let signal = Signal()

    package init(
        _ configuration: PostgresConfiguration, observers: [any BatchObserver] = [],
        pause: Duration = .milliseconds(100), sweep: Duration = .seconds(5), logger: Logger
    ) {
        self.configuration = configuration
        self.observers = observers
        self.pause = pause
        self.sweep = sweep
        self.logger = logger
    }

    /// To be called after a transaction is committed that counted for these batches.
    package func note(_ batches: some Sequence<String>) {
        let isNew = self.touched.withLock { touched in
            let wasEmpty = touched.isEmpty
            touched.formUnion(batches)
            return wasEmpty && !touched.isEmpty
        }
        if isNew { self.signal.raise() }
    }

    /// Runs until the task is cancelled or a graceful shutdown begins.
    package func run() async {
        await cancelWhenGracefulShutdown { await self.keepLooking() }
    }

    private func keepLooking() async {
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
                defer { connection.close() }
                var next = ContinuousClock.now
                while !Task.isCancelled {
                    let isSweep = ContinuousClock.now >= next
                    if isSweep { next = ContinuousClock.now + self.sweep }
                    let ids = self.touched.withLock { touched in
                        defer { touched = [] }
                        return Array(touched)
                    }
                    if isSweep || !ids.isEmpty {
                        for batch in try await BatchCompletion.complete(isSweep ? nil : ids, on: connection) {
                            for observer in self.observers { await observer.batchCompleted(batch) }
                        }
                    }
                    try await Task.sleep(for: self.pause)
                    await self.signal.wait(until: next)
                }
            } catch is CancellationError {
                return
            } catch {
                // What was to be looked at is found by the next look over all.
                self.logger.warning(
                    "batches: the database cannot be used, will be tried again", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}
