import Logging

/// Keeps what is logged, the metadata behind each message.
struct NotingLogHandler: LogHandler {
    let lines: Watched<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = self.metadata.merging(event.metadata ?? [:]) { $1 }
        let text = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        self.lines.update { $0.append("\(event.message)\(text)") }
    }
}

extension Logger {
    static func noting(in lines: Watched<[String]>) -> Logger {
        Logger(label: "engine") { _ in NotingLogHandler(lines: lines) }
    }

    /// Says nothing.
    static var mute: Logger {
        var logger = Logger(label: "engine")
        logger.logLevel = .critical
        return logger
    }
}
