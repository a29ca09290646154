import CLibPQ
import Logging

/// Receives what the server says unasked.
///
/// `@unchecked Sendable`: libpq calls it within other calls about the same connection, which hold that connection's lock.
final class NoticeSink: @unchecked Sendable {
    private let logger: Logger
    /// An error that arrived while nothing was asked: why the server is about to close the connection.
    var farewell: PostgresError?

    init(logger: Logger) { self.logger = logger }

    /// The sink must outlive the connection.
    func attach(to connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue().receive(ServerMessage(result))
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func receive(_ message: ServerMessage) {
        if message.endsConnection { self.farewell = message.error }
        let level: Logger.Level =
            switch message.severity {
            case "DEBUG": .trace
            case "LOG", "INFO", "NOTICE": .debug
            case "WARNING": .warning
            default: .info
            }
        // Notices that functions raise have no code of their own, and may contain anything.
        let isOwn = message.sqlState?.hasSafeMessage ?? false
        self.logger.log(
            level: level, "\(isOwn ? message.text : "a notice of the database")",
            metadata: [
                "db.severity": "\(message.severity)", "db.sqlstate": "\(message.sqlState?.rawValue ?? "none")",
            ])
    }
}
