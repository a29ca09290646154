import ArgumentParser
import Foundation

struct BenchLatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Time from producing a command to seeing its result, at a steady rate.",
        discussion: """
            Commands leave at a steady rate whatever becomes of those before them, and their time counts from when they \
            were meant to leave, so that a stall is not left out. An observer reads lab.results from its end on. The \
            handlers take no time; what is measured is the way there and back: producer, broker, worker, broker, \
            consumer. The yardstick, a raw librdkafka loop in C, has the same load in the same run. The sender waits up \
            to 1 ms for a batch to fill, both subjects up to 2 ms (linger.ms). On the embedded broker all sides fetch \
            with fetch.wait.max.ms=1, as it holds an idle fetch for the whole wait; it gives one batch of a partition at \
            a time and can be what limits a high rate.

            EXAMPLES
              adjutant bench latency
              adjutant bench latency --rate 500,5000 --seconds 60 -o json
              adjutant bench latency -b localhost:9092
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Commands a second, one run each") var rate = NumberList([1000, 10_000])
    @Option(help: "Seconds measured") var seconds = 20
    @Option(help: "Seconds before that, not counted") var warmUp = 3
    @Option(help: "Keys of the commands") var keys = 1000
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 8
    @Option(help: "Handlers running at once") var concurrency: Int?

    func validate() throws {
        guard self.seconds > 0, self.warmUp >= 0, self.keys > 0, (1...10_000).contains(self.partitions) else {
            throw ValidationError("--seconds, --keys and --partitions must be above 0")
        }
    }

    func run() async throws {
        _ = try ChildProcess.yardstickPath()
        try await DedicatedThread.run("bench") { try self.measure() }
    }

    private struct Row: Encodable {
        var rate: Int
        var yardstick: LatencySummary
        var engine: LatencySummary
        var yardstickMissing: Int
        var engineMissing: Int
        var ratioP50: Double
        var ratioP99: Double
        var loadAverage: Double
    }

    private struct Report: Encodable {
        var benchmark = "latency"
        var unit = "ms"
        var seconds: Int
        var keys: Int
        var partitions: Int
        var runs: [Row]
    }

    private func measure() throws {
        var report = Report(seconds: self.seconds, keys: self.keys, partitions: self.partitions, runs: [])
        for rate in self.rate.values {
            let yardstick = try self.measured(.yardstick, rate: rate, &report)
            say("\(rate) a second, yardstick: p99 \(yardstick.summary.p99) ms")
            let engine = try self.measured(.engine, rate: rate, &report)
            say("\(rate) a second, engine: p99 \(engine.summary.p99) ms")
            let (yard, ours) = (yardstick.summary, engine.summary)
            report.runs.append(
                Row(
                    rate: rate, yardstick: yard, engine: ours, yardstickMissing: yardstick.missing,
                    engineMissing: engine.missing, ratioP50: (ours.p50 / max(yard.p50, 0.01)).rounded(digits: 2),
                    ratioP99: (ours.p99 / max(yard.p99, 0.01)).rounded(digits: 2),
                    loadAverage: BenchClock.loadAverage.rounded(digits: 1)))
        }
        try self.options.print(report) { Self.table(report) }
        if report.runs.contains(where: { $0.engineMissing > 0 }) { throw ExitCode(ToolExit.partial.rawValue) }
    }

    /// Each subject has an embedded broker of its own: it looks through a partition's batches from the first one for
    /// each fetch, so that whoever came second would find a slower broker.
    private func measured(
        _ subject: LatencyMeasurement.Subject, rate: Int, _ report: inout Report
    ) throws -> LatencyMeasurement.Outcome {
        let cluster = try BenchCluster(
            servers: self.options.bootstrapServers, partitions: self.partitions, fetchWait: 1)
        defer { cluster.stop() }
        report.partitions = cluster.partitions
        let measurement = LatencyMeasurement(
            cluster: cluster, rate: rate, seconds: self.seconds, warmUp: self.warmUp, keys: self.keys,
            concurrency: self.concurrency)
        return try measurement.run(subject)
    }

    private static func table(_ report: Report) -> [String] {
        var table = TextTable([
            .init("per second", isRight: true), .init("what"), .init("p50", isRight: true), .init("p99", isRight: true),
            .init("p99.9", isRight: true), .init("max", isRight: true), .init("missing", isRight: true),
            .init("load average", isRight: true),
        ])
        for run in report.runs {
            for (name, summary, missing) in [
                ("yardstick", run.yardstick, run.yardstickMissing), ("engine", run.engine, run.engineMissing),
            ] {
                table.add(
                    [.init("\(run.rate)"), .init(name)]
                        + [summary.p50, summary.p99, summary.p999, summary.max].map {
                            .init("\($0.text(digits: 2)) ms")
                        }
                        + [.init("\(missing)"), .init(run.loadAverage.text(digits: 1))])
            }
            table.add([
                "", "ratio", .init(run.ratioP50.text(digits: 2)), .init(run.ratioP99.text(digits: 2)), "", "", "", "",
            ])
        }
        return [
            "produce to result, \(report.seconds) s a run, \(report.keys) keys, \(report.partitions) partitions"
        ] + table.lines(for: .output)
    }
}
