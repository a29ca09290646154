import Foundation
import Synchronization

/// What is measured, in a process of its own that tells how far it is: the engine, or the yardstick.
final class BenchSubject: Sendable {
    /// A line of progress; the yardstick tells the first two only.
    struct Sample: Codable, Sendable {
        var acknowledged: Int
        /// ``BenchClock/now()``.
        var at: Int64
        var inFlight: Int?
        var inFlightBytes: Int?
        var pausedPartitions: Int?
    }

    let child: ChildProcess
    private let name: String
    private let acknowledgedCount = Atomic<Int>(0)
    private let history = Mutex<[Sample]>([])
    private let hasEnded = Atomic<Bool>(false)

    private init(name: String, _ path: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        self.name = name
        self.child = try ChildProcess(path, arguments, environment: environment)
        let thread = Thread { self.follow() }
        thread.name = "bench-progress"
        thread.start()
    }

    static func engine(
        _ cluster: BenchCluster, group: String, concurrency: Int? = nil, progress: Int = 10,
        environment: [String: String] = [:]
    ) throws -> BenchSubject {
        try BenchSubject(
            name: "engine", ChildProcess.ownPath,
            ["bench", "engine", "-b", cluster.servers, "--group", group, "--progress", "\(progress)"]
                + (concurrency.map { ["--concurrency", "\($0)"] } ?? []) + cluster.properties,
            environment: environment)
    }

    static func yardstick(
        _ cluster: BenchCluster, group: String, progress: Int = 10, properties: [String] = []
    ) throws -> BenchSubject {
        try BenchSubject(
            name: "yardstick", ChildProcess.yardstickPath(),
            [
                "--bootstrap-servers", cluster.servers, "--group", group, "--count", "1000000000", "--timeout", "600",
                "--progress", "\(progress)",
            ] + cluster.yardstickProperties + properties)
    }

    /// Commands whose events the broker has.
    var acknowledged: Int { self.acknowledgedCount.load(ordering: .relaxed) }
    var latest: Sample? { self.history.withLock { $0.last } }
    func samples(from start: Int64, to end: Int64) -> [Sample] {
        self.history.withLock { $0.filter { $0.at >= start && $0.at <= end } }
    }

    private func follow() {
        let decoder = JSONDecoder()
        while let line = self.child.line() {
            guard let sample = try? decoder.decode(Sample.self, from: Data(line.utf8)) else { continue }
            self.acknowledgedCount.store(sample.acknowledged, ordering: .relaxed)
            self.history.withLock { $0.append(sample) }
        }
        self.hasEnded.store(true, ordering: .relaxed)
    }

    /// Waits until the condition holds; throws when that takes too long or the process has ended.
    func wait(seconds: Double, for what: String, until condition: () -> Bool) throws {
        let limit = BenchClock.now() + Int64(seconds * 1_000_000)
        while !condition() {
            guard !self.hasEnded.load(ordering: .relaxed) else {
                throw ToolError(.error, "the \(self.name) ended before \(what)")
            }
            guard BenchClock.now() < limit else {
                throw ToolError(.unreachable, "the \(self.name): \(what) took more than \(Int(seconds)) s")
            }
            BenchClock.sleep(milliseconds: 5)
        }
    }

    /// Waits until the group's protocol has given it its partitions.
    func waitForAssignment() throws {
        try self.wait(seconds: 60, for: "partitions were assigned") { self.latest != nil }
    }

    /// Commands a second between two times.
    func rate(from start: Int64, to end: Int64) -> Double {
        let samples = self.samples(from: start, to: end)
        guard let first = samples.first, let last = samples.last, last.at > first.at else { return 0 }
        return Double(last.acknowledged - first.acknowledged) * 1_000_000 / Double(last.at - first.at)
    }

    func stop() { self.child.stop() }
}
