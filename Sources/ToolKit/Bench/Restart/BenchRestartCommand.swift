import ArgumentParser
import Foundation

struct BenchRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Time from the end of a worker to its successor's first outcome.",
        discussion: """
            A worker under a steady load is ended by SIGKILL, then another one by SIGTERM; when the process is gone its \
            successor starts, as a supervisor would start it. Most of what passes is the group protocol's: after \
            SIGKILL the group waits for the session timeout before it gives the partitions to anybody else, and the \
            embedded broker makes a first join take 3 seconds and a later one the session timeout less one second. The \
            yardstick, a raw librdkafka loop in C, goes through the same: what the worker takes beyond it is its own.

            Repeats are commands with two outcomes: those that had theirs before the end, and whose offset was not \
            committed. Commands cut off in the middle of a run start anew without a repeat being seen; there are at most \
            as many as run at once. A clean stop repeats nothing.

            EXAMPLES
              adjutant bench restart
              adjutant bench restart --rate 5000 --session-timeout-ms 10000 -o json
              adjutant bench restart -b localhost:9092
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Commands a second") var rate = 2000
    @Option(help: "Length of the handlers, in milliseconds; the yardstick has none") var durationMs = 10
    @Option(help: "Keys of the commands") var keys = 1000
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 32
    @Option(help: "Handlers running at once") var concurrency: Int?
    @Option(help: "The group's session timeout") var sessionTimeoutMs = 6000

    func validate() throws {
        guard self.rate > 0, self.durationMs >= 0, self.keys > 0, (1...10_000).contains(self.partitions) else {
            throw ValidationError("--rate, --keys and --partitions must be above 0")
        }
        guard self.sessionTimeoutMs >= 3000 else {
            throw ValidationError(
                "--session-timeout-ms must be at least 3000: below, no group forms on the embedded broker")
        }
    }

    func run() async throws {
        _ = try ChildProcess.yardstickPath()
        try await DedicatedThread.run("bench") { try self.measure() }
    }

    private struct Report: Encodable {
        var benchmark = "restart"
        var rate: Int
        var durationMs: Int
        var partitions: Int
        var sessionTimeoutMs: Int
        /// What the worker takes beyond the yardstick, from its start to its first outcome; by signal.
        var ownSeconds: [String: Double] = [:]
        var loadAverage = 0.0
        var runs: [RestartMeasurement.Figures] = []
    }

    private func measure() throws {
        let cluster = try BenchCluster(servers: self.options.bootstrapServers, partitions: self.partitions)
        defer { cluster.stop() }
        let measurement = RestartMeasurement(
            cluster: cluster, rate: self.rate, durationMs: self.durationMs, keys: self.keys,
            concurrency: self.concurrency, sessionTimeoutMs: self.sessionTimeoutMs)
        var report = Report(
            rate: self.rate, durationMs: self.durationMs, partitions: cluster.partitions,
            sessionTimeoutMs: self.sessionTimeoutMs)
        for signal in [SIGKILL, SIGTERM] {
            let yardstick = try measurement.run(.yardstick, signal: signal)
            say("\(yardstick.signal), yardstick: \(yardstick.outageSeconds) s")
            let engine = try measurement.run(.engine, signal: signal)
            say("\(engine.signal), worker: \(engine.outageSeconds) s")
            report.runs += [yardstick, engine]
            report.ownSeconds[engine.signal] =
                (engine.outageSeconds - yardstick.outageSeconds).rounded(digits: 2)
        }
        report.loadAverage = BenchClock.loadAverage.rounded(digits: 1)
        try self.options.print(report) { Self.table(report) }
        if report.runs.contains(where: { $0.missing > 0 }) { throw ExitCode(ToolExit.partial.rawValue) }
    }

    private static func table(_ report: Report) -> [String] {
        var table = TextTable([
            .init("signal"), .init("what"), .init("until gone", isRight: true),
            .init("to first outcome", isRight: true),
            .init("from start", isRight: true), .init("sent", isRight: true), .init("repeats", isRight: true),
            .init("missing", isRight: true),
        ])
        for run in report.runs {
            table.add([
                .init(run.signal), .init(run.subject == "engine" ? "worker" : run.subject),
                .init("\(run.exitSeconds.text(digits: 2)) s"), .init("\(run.outageSeconds.text(digits: 2)) s"),
                .init("\(run.startToOutcomeSeconds.text(digits: 2)) s"), .init("\(run.sent)"),
                .init("\(run.repeatedOutcomes)"), .init("\(run.missing)"),
            ])
        }
        let own = report.ownSeconds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.text(digits: 2)) s" }
        return [
            "restart at \(report.rate) commands a second, handlers of \(report.durationMs) ms, session timeout "
                + "\(report.sessionTimeoutMs) ms, \(report.partitions) partitions, "
                + "load average \(report.loadAverage.text(digits: 1))"
        ] + table.lines(for: .output) + [
            "beyond the yardstick, which is the group protocol: " + own.joined(separator: ", ")
        ]
    }
}
