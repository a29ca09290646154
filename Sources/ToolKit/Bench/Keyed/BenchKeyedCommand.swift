import ArgumentParser
import Foundation

struct BenchKeyedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keyed", abstract: "Commands a second in the order of their keys, with handlers that wait.",
        discussion: """
            Handlers of some length on some partitions with some keys, one cell after the other. A cell's ceiling is the \
            handlers that can run at once (--concurrency, or the keys if they are fewer) over their length; the share \
            of it says how well the engine fills them. Timers are late, by up to a millisecond: `handler` is what the \
            handlers took, and `real share` counts with that. The yardstick is the raw librdkafka loop in C without any \
            wait, with the same sender beside it: where a ceiling lies above it, the machine is the limit. Commands \
            are sent while the cell runs, no further ahead than the embedded broker keeps.

            With --hung-key one command of one key among 1,000 takes a minute, with handlers of 10 ms otherwise: what do \
            the others lose, and when is the look-ahead limit of the partition reached, past which it is not read on?

            EXAMPLES
              adjutant bench keyed
              adjutant bench keyed --duration-ms 10 --partitions 1 --keys 1000
              adjutant bench keyed --all -o json
              adjutant bench keyed --hung-key --hang-seconds 60
              adjutant bench keyed -b localhost:9092
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Lengths of the handlers, in milliseconds") var durationMs = NumberList([1, 10, 100])
    @Option(help: "Partitions of the embedded broker's topics (1,8,64 with --all)") var partitions = NumberList([1, 64])
    @Option(help: "Numbers of keys") var keys = NumberList([1, 100, 5000])
    @Option(help: "Handlers running at once") var concurrency = 256
    @Option(help: "Seconds measured in each cell, after a warm-up") var seconds = 3.0
    @Flag(help: "The full matrix: 1, 10 and 100 ms; 1, 8 and 64 partitions; 1, 100 and 5,000 keys") var all = false
    @Flag(help: "One key's command takes long among 1,000 keys: what do the others lose?") var hungKey = false
    @Option(help: "With --hung-key: how long that command takes") var hangSeconds = 60

    func validate() throws {
        guard self.concurrency > 0, self.seconds >= 0.5, self.hangSeconds > 0,
            self.partitions.values.allSatisfy({ $0 <= 10_000 })
        else { throw ValidationError("--concurrency and --hang-seconds must be above 0, --seconds at least 0.5") }
    }

    func run() async throws {
        _ = try ChildProcess.yardstickPath()
        try await DedicatedThread.run("bench") {
            if self.hungKey { try self.runHungKey() } else { try self.runMatrix() }
        }
    }

    // MARK: - The matrix

    private struct Report: Encodable {
        var benchmark = "keyed"
        var concurrency: Int
        var seconds: Double
        var yardstickPerSecond: [String: Double]
        var loadAverage: Double
        var cells: [KeyedFigures]
    }

    private func runMatrix() throws {
        let matrix = Self()
        let durations = self.all ? matrix.durationMs.values : self.durationMs.values
        let keys = self.all ? matrix.keys.values : self.keys.values
        var partitions: [Int?] = (self.all ? [1, 8, 64] : self.partitions.values).map { $0 }
        if self.options.bootstrapServers != nil { partitions = [nil] }
        var report = Report(
            concurrency: self.concurrency, seconds: self.seconds, yardstickPerSecond: [:], loadAverage: 0, cells: [])
        for count in partitions {
            let cluster = try BenchCluster(servers: self.options.bootstrapServers, partitions: count ?? 1)
            defer { cluster.stop() }
            let measurement = KeyedMeasurement(cluster: cluster, concurrency: self.concurrency, seconds: self.seconds)
            let yardstick = try measurement.yardstick()
            report.yardstickPerSecond["\(cluster.partitions)"] = yardstick.rounded(digits: 0)
            say("\(cluster.partitions) partitions: yardstick \(Int(yardstick)) commands a second")
            let subject = try measurement.engine()
            defer { subject.stop() }
            for duration in durations {
                for key in keys {
                    let cell = KeyedCell(durationMs: duration, keys: key)
                    let figures = try measurement.measure(cell, on: subject, yardstick: yardstick)
                    report.cells.append(figures)
                    say(
                        "\(cluster.partitions) partitions, \(duration) ms, \(key) keys: "
                            + "\(figures.commandsPerSecond.text(digits: 0)) commands a second")
                }
            }
        }
        report.loadAverage = BenchClock.loadAverage.rounded(digits: 1)
        try self.options.print(report) { Self.table(report) }
    }

    private static func table(_ report: Report) -> [String] {
        var table = TextTable([
            .init("handler", isRight: true), .init("partitions", isRight: true), .init("keys", isRight: true),
            .init("per second", isRight: true), .init("ceiling", isRight: true), .init("share", isRight: true),
            .init("measured", isRight: true), .init("real share", isRight: true), .init("yardstick", isRight: true),
            .init("ratio", isRight: true),
        ])
        for cell in report.cells {
            let yardstick = report.yardstickPerSecond["\(cell.partitions)"] ?? 0
            table.add([
                .init("\(cell.durationMs) ms"), .init("\(cell.partitions)"), .init("\(cell.keys)"),
                .init(cell.commandsPerSecond.text(digits: 0)), .init(cell.ceilingPerSecond.text(digits: 0)),
                .init("\((cell.shareOfCeiling * 100).text(digits: 1)) %"),
                .init("\(cell.handlerMs.text(digits: 2)) ms"),
                .init("\((cell.shareOfRealCeiling * 100).text(digits: 1)) %"), .init(yardstick.text(digits: 0)),
                .init(cell.ratioToYardstick.text(digits: 3)),
            ])
        }
        return [
            "key-ordered, concurrency \(report.concurrency), \(report.seconds.text(digits: 1)) s a cell, "
                + "load average \(report.loadAverage.text(digits: 1))"
        ] + table.lines(for: .output)
    }

    // MARK: - The hung key

    private func runHungKey() throws {
        let cluster = try BenchCluster(servers: self.options.bootstrapServers, partitions: 1)
        defer { cluster.stop() }
        let measurement = KeyedMeasurement(cluster: cluster, concurrency: self.concurrency, seconds: self.seconds)
        let report = try HungKeyMeasurement(measurement: measurement, hangSeconds: self.hangSeconds).run()
        try self.options.print(report) { report.lines }
    }
}
