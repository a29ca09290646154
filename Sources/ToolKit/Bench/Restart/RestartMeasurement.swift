import Foundation

/// Ends a worker under load, starts another one as soon as it is gone, and watches the outcomes.
struct RestartMeasurement {
    enum Subject: String, Sendable { case yardstick, engine }

    struct Figures: Encodable, Sendable {
        var subject: String
        var signal: String
        /// From the signal until the process was gone.
        var exitSeconds: Double
        /// From the signal to the successor's first outcome.
        var outageSeconds: Double
        /// From the successor's start to its first outcome.
        var startToOutcomeSeconds: Double
        var sent: Int
        /// Commands with more than one outcome.
        var repeatedOutcomes: Int
        /// Commands without an outcome a minute after the last was sent.
        var missing: Int
    }

    let cluster: BenchCluster
    let rate: Int
    let durationMs: Int
    let keys: Int
    let concurrency: Int?
    let sessionTimeoutMs: Int

    func run(_ subject: Subject, signal: Int32) throws -> Figures {
        let group = BenchCluster.group("restart.\(subject)")
        try self.cluster.skipToEnd(group: group)
        let journal = try OutcomeJournal(cluster: self.cluster)
        let first = try self.start(subject, group: group)
        defer { first.send(SIGKILL) }
        let (keys, data) = (self.keys, #","durationMs":\#(self.durationMs)}"#)
        let feed = CommandFeed(cluster: self.cluster, pace: .perSecond(Double(self.rate))) { index, _ in
            (KeyedCell.key(index, keys: keys), #"{"echo":{"n":\#(index)}"# + data)
        }
        try Self.wait(60, for: "the first outcome") { journal.count > 0 }
        BenchClock.sleep(milliseconds: 3000)

        let killed = BenchClock.now()
        first.send(signal)
        _ = first.wait()
        let gone = BenchClock.now()
        let second = try self.start(subject, group: group)
        defer { second.stop() }
        let suffix = "-\(second.identifier)"
        try Self.wait(120, for: "the successor's first outcome") { journal.firstOutcome(ofWorkerEnding: suffix) != nil }
        let back = journal.firstOutcome(ofWorkerEnding: suffix) ?? 0
        BenchClock.sleep(milliseconds: 2000)
        try feed.stop()
        try? Self.wait(60, for: "the last outcome") { journal.count >= feed.sent }
        // A repeat may still come.
        BenchClock.sleep(milliseconds: 500)
        try journal.stop()
        func seconds(_ from: Int64) -> Double { (Double(back - from) / 1_000_000).rounded(digits: 2) }
        return Figures(
            subject: subject.rawValue, signal: signal == SIGKILL ? "SIGKILL" : "SIGTERM",
            exitSeconds: (Double(gone - killed) / 1_000_000).rounded(digits: 2), outageSeconds: seconds(killed),
            startToOutcomeSeconds: seconds(gone), sent: feed.sent, repeatedOutcomes: journal.repeats,
            missing: max(0, feed.sent - journal.count))
    }

    /// The worker as a supervisor would start it; the yardstick under the same session timeout.
    private func start(_ subject: Subject, group: String) throws -> ChildProcess {
        switch subject {
        case .engine:
            try ChildProcess(
                ChildProcess.ownPath,
                ["worker", "-b", self.cluster.servers, "--domain", "lab", "--group", group, "--log-level", "error"]
                    + (self.concurrency.map { ["--concurrency", "\($0)"] } ?? [])
                    + ["-X", "session.timeout.ms=\(self.sessionTimeoutMs)"] + self.cluster.properties)
        case .yardstick:
            try ChildProcess(
                ChildProcess.yardstickPath(),
                ["--bootstrap-servers", self.cluster.servers, "--group", group, "--count", "1000000000"]
                    + ["-X", "consumer.session.timeout.ms=\(self.sessionTimeoutMs)"]
                    + self.cluster.yardstickProperties)
        }
    }

    private static func wait(_ seconds: Double, for what: String, until condition: () -> Bool) throws {
        let limit = BenchClock.now() + Int64(seconds * 1_000_000)
        while !condition() {
            guard BenchClock.now() < limit else {
                throw ToolError(.unreachable, "\(what) did not come within \(Int(seconds)) s")
            }
            BenchClock.sleep(milliseconds: 2)
        }
    }
}
