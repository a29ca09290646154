import Logging

/// Listens on channels with a connection of its own, and again after that was lost.
///
/// A notification is a hint: PostgreSQL does not keep it for who is away. After each ``PostgresListenerEvent/listening``
/// the consumer looks for itself at what it may have missed.
package final class PostgresListener: Sendable {
    /// One consumer; ends with ``run()``.
    package let events: AsyncStream<PostgresListenerEvent>
    private let continuation: AsyncStream<PostgresListenerEvent>.Continuation
    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let logger: Logger

    /// - Parameter channels: Names as `LISTEN` takes them, case and all.
    package init(_ configuration: PostgresConfiguration, channels: [String], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.logger = logger
        (self.events, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1024))
    }

    /// Listens until the task is cancelled.
    package func run() async {
        var pause = Duration.milliseconds(50)
        while !Task.isCancelled {
            do {
                try await self.listen { pause = .milliseconds(50) }
            } catch is CancellationError {
                break
            } catch {
                self.logger.info("listening for notifications was interrupted", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: pause * Double.random(in: 0.75...1.25))
            pause = min(pause * 2, .seconds(5))
        }
        self.continuation.finish()
    }

    /// Returns or throws when the connection has ended.
    private func listen(whenListening: () -> Void) async throws {
        let (ended, end) = AsyncStream.makeStream(of: PostgresError.self)
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger) { event in
            switch event {
            case .notified(let notification): self.tell(.notified(notification))
            case .ended(let cause):
                end.yield(cause)
                end.finish()
            }
        }
        defer { connection.close() }
        try await connection.run(self.channels.map { PostgresCall(Self.listen(on: $0)) })
        whenListening()
        self.tell(.listening)
        defer { self.tell(.interrupted) }
        for await cause in ended { throw cause }
        throw CancellationError()
    }

    private func tell(_ event: PostgresListenerEvent) {
        // What the consumer was too slow for is something missed.
        if case .dropped = self.continuation.yield(event) { self.continuation.yield(.listening) }
    }

    private static func listen(on channel: String) -> PostgresStatement {
        let name = channel.replacing("\"", with: "\"\"")
        return PostgresStatement(trusted: "LISTEN \"\(name)\"", isPrepared: false)
    }
}

/// What a listener tells.
package enum PostgresListenerEvent: Hashable, Sendable {
    /// From now on notifications arrive; earlier ones may have been missed.
    case listening
    /// From now on none arrive, until it listens again.
    case interrupted
    case notified(PostgresNotification)
}
