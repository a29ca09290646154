import Foundation

/// A broker process and workers of the load lab against it.
final class Lab: Sendable {
    let broker: Program
    let bootstrap: String
    let sender: Sender
    let journal: Journal

    init(partitions: Int = 16) throws {
        self.broker = try Program(["broker", "--partitions", "\(partitions)", "--topics", Executable.quickTopics])
        self.bootstrap = try self.broker.waitForOutput("")
        self.sender = try Sender(self.bootstrap)
        self.journal = try Journal(self.bootstrap)
    }

    /// Starts a worker and waits until it owns partitions.
    func worker(_ arguments: [String] = [], settings: [String: String] = [:]) throws -> Program {
        let worker = try Self.startWorker(self.bootstrap, arguments, settings: settings)
        _ = try worker.waitForOutput("ready")
        return worker
    }

    static func startWorker(
        _ bootstrap: String, _ arguments: [String] = [], settings: [String: String] = [:]
    ) throws -> Program {
        try Program(
            ["worker", "--bootstrap-servers", bootstrap, "--domain", "lab"] + arguments,
            environment: Self.settings.merging(settings) { $1 })
    }

    /// Short waits: the embedded broker answers fetches of idle partitions late, and rebalances last as long as a
    /// session, less a second.
    static let settings = [
        "ADJUTANT_TOPICS_DIRECTORY": Executable.quickTopics,
        "ADJUTANT_RETRY_DELAYS": "50ms,1s",
        "ADJUTANT_KAFKA_PROPERTIES_SESSION_TIMEOUT_MS": "3000",
        "ADJUTANT_KAFKA_PROPERTIES_HEARTBEAT_INTERVAL_MS": "300",
        "ADJUTANT_KAFKA_PROPERTIES_FETCH_WAIT_MAX_MS": "10",
        "ADJUTANT_KAFKA_PROPERTIES_RECONNECT_BACKOFF_MAX_MS": "500",
    ]

    func close() {
        self.journal.close()
        self.sender.close()
        self.broker.killNow()
    }

    /// A lab for the length of the body.
    static func with<Result: Sendable>(
        partitions: Int = 16, _ body: @escaping @Sendable (Lab) throws -> Result
    ) async throws -> Result {
        try await blocking {
            let lab = try Lab(partitions: partitions)
            defer { lab.close() }
            return try body(lab)
        }
    }
}
