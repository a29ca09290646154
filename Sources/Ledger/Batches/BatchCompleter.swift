import Logging
import PostgresClient
import ServiceLifecycle
import Synchronization

/// Looks whether batches are through: those that it is told of soon after, all of them now and then.
package final class BatchCompleter: Service {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let domains: [String]?
    private let observers: [any BatchObserver]
    /// The shortest time between two looks: what comes in between is looked at together.
    private let pause: Duration
    /// How often all batches are looked at, for those whose worker died before it could look.
    private let sweep: Duration
    private let touched = Mutex<Set<String>>([])
    private let signal = Signal()

    /// - Parameters:
    ///   - domains: Whose batches it looks after; nil for those of every domain.
    ///   - observers: Told of batches that are through.
    package init(
        _ configuration: PostgresConfiguration, domains: [String]? = nil, observers: [any BatchObserver] = [],
        pause: Duration = .milliseconds(100), sweep: Duration = .seconds(5), logger: Logger
    ) {
        self.configuration = configuration
        self.domains = domains
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
                        let batches = try await BatchCompletion.complete(
                            isSweep ? nil : ids, domains: self.domains, on: connection)
                        for batch in batches {
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
