import Logging
import Synchronization

/// Remembers what is logged.
final class OutboxLog: Sendable {
    private let lines = Mutex<[String]>([])

    var logger: Logger { Logger(label: "tests") { _ in Handler(log: self) } }

    func count(of text: String) -> Int { self.lines.withLock { $0.count { $0.contains(text) } } }

    private struct Handler: LogHandler {
        let log: OutboxLog
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) { self.log.lines.withLock { $0.append("\(event.message)") } }
    }
}
