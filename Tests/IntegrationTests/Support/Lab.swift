import Foundation
import KafkaClient

/// A broker and workers of the load lab against it, with a foreign sender and a witness.
final class Lab: Sendable {
    let bootstrap: String
    let sender: Sender
    let journal: Journal
    private let program: Program?
    private let embedded: EmbeddedBroker?
    private let options: [String]

    /// A broker in a process of its own.
    convenience init(partitions: Int = 16) throws {
        let broker = try Program(["broker", "--partitions", "\(partitions)", "--topics", Executable.quickTopics])
        try self.init(bootstrap: broker.waitForOutput(""), program: broker, embedded: nil)
    }

    /// A cluster hosted by the test, which can then make trouble.
    convenience init(hosting broker: EmbeddedBroker, partitions: Int = 8) throws {
        let topics = Journal.labTopics + ["lab.commands", "lab.retry.10m"]
        try broker.createTopics(topics.map { ($0, partitions) })
        try self.init(bootstrap: broker.bootstrapServers, program: nil, embedded: broker)
    }

    /// A real cluster, which gets the lab's topics if it has none, and a group of the test's own.
    convenience init(existing bootstrap: String) throws {
        let apply = try Program(
            ["topics", "apply", "--execute", "--bootstrap-servers", bootstrap, "--topics", Executable.quickTopics])
        guard try apply.waitForExit(seconds: 90) == 0 else { throw HarnessError("no topics: \(apply.tail)") }
        try self.init(
            bootstrap: bootstrap, program: nil, embedded: nil, options: ["--group", "tests-\(UUID().uuidString)"])
    }

    private init(
        bootstrap: String, program: Program?, embedded: EmbeddedBroker?, options: [String] = []
    ) throws {
        self.bootstrap = bootstrap
        self.program = program
        self.embedded = embedded
        self.options = options
        self.sender = try Sender(bootstrap)
        self.journal = try Journal(bootstrap, skipsOld: !options.isEmpty)
    }

    /// Starts a worker and waits until it owns partitions.
    func worker(_ arguments: [String] = [], settings: [String: String] = [:]) throws -> Program {
        let worker = try self.startWorker(arguments, settings: settings)
        _ = try worker.waitForOutput("ready")
        return worker
    }

    func startWorker(_ arguments: [String] = [], settings: [String: String] = [:]) throws -> Program {
        try Program(
            ["worker", "--bootstrap-servers", self.bootstrap, "--domain", "lab"] + self.options + arguments,
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
        // A machine that stands still for a second as the embedded broker lets a group begin loses a member's request to
        // join: it asks again after so long.
        "ADJUTANT_KAFKA_PROPERTIES_MAX_POLL_INTERVAL_MS": "20000",
    ]

    func close() {
        self.journal.close()
        self.sender.close()
        self.program?.killNow()
        self.embedded?.close()
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

    /// A lab whose brokers do as the test says.
    static func withFaults<Result: Sendable>(
        brokers: Int = 1, _ body: @escaping @Sendable (Lab, EmbeddedBroker) throws -> Result
    ) async throws -> Result {
        try await blocking {
            let broker = try EmbeddedBroker(brokers: brokers, logger: .silent)
            let lab = try Lab(hosting: broker)
            defer { lab.close() }
            return try body(lab, broker)
        }
    }
}
