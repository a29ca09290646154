import ArgumentParser
import Foundation

struct BenchDispatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dispatch", abstract: "Commands a second with handlers of 0 ms, and the ratio to the yardstick.",
        discussion: """
            Fills lab.commands, then lets the yardstick and the engine handle the backlog in turn, each in a process of \
            its own, each with a fresh group: consume, decode, handle, publish a result and an audit event a command, \
            commit what is acknowledged. The yardstick is a raw librdkafka loop in C that publishes the same events and \
            decodes nothing. Both producers wait up to --linger milliseconds for a batch to fill: longer than a worker \
            does by itself (linger.ms, 2), as one would set it where throughput matters more than latency. Both consumers \
            prefetch up to --prefetch records, by default so many that neither ever has to stop; a worker by itself takes \
            fewer. librdkafka stops fetching a partition for up to a second once it has so many: with its own default of \
            100000 the yardstick may stand still for a part of the run, which flatters the engine. Quote the ratio, and what \
            was prefetched: absolute figures are the machine's.

            EXAMPLES
              adjutant bench dispatch
              adjutant bench dispatch --count 300000 --rounds 5 -o json
              adjutant bench dispatch --prefetch 100000
              adjutant bench dispatch --bootstrap-servers localhost:9092
            """)

    @Option(name: [.customLong("bootstrap-servers"), .customShort("b")], help: "Brokers; an embedded one when absent")
    var bootstrapServers: String?

    @Option(help: "Commands to handle in each run") var count = 200_000
    @Option(help: "Keys of the commands") var keys = 1000
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 64
    @Option(help: "Milliseconds that both producers wait for a batch to fill (linger.ms)") var linger = 20
    @Option(help: "Records that both consumers prefetch (queued.min.messages), and KiB of them if above 65536")
    var prefetch = 1_000_000
    @Option(help: "Runs of each") var rounds = 3
    @Option(name: .shortAndLong, help: "table or json") var output = "table"

    func validate() throws {
        guard self.count > 0, self.keys > 0, self.rounds > 0, (1...10_000).contains(self.partitions) else {
            throw ValidationError("--count, --keys, --rounds and --partitions must be above 0")
        }
        guard (1...2_000_000).contains(self.prefetch) else {
            throw ValidationError("--prefetch must be from 1 to 2000000")
        }
        guard (0...900_000).contains(self.linger) else { throw ValidationError("--linger must be from 0 to 900000") }
        guard ["table", "json"].contains(self.output) else { throw ValidationError("-o must be table or json") }
        if self.bootstrapServers == nil, self.count / self.partitions > 7000 {
            throw ValidationError(
                "the embedded broker forgets past 5 MiB a partition: at most 7000 commands a partition, "
                    + "so use --partitions \(self.count / 7000 + 1) or more")
        }
    }

    func run() async throws {
        let yardstick = try ChildProcess.yardstickPath()
        let cluster = try BenchCluster(servers: self.bootstrapServers, partitions: self.partitions)
        defer { cluster.stop() }
        say("loading \(self.count) commands into \(cluster.servers)")
        try cluster.load(count: self.count, keys: self.keys)
        var rows: [(yardstick: Double, engine: Double)] = []
        let run = UInt32.random(in: 0...UInt32.max)
        for round in 1...self.rounds {
            let yard = try self.measure(
                yardstick,
                [
                    "--bootstrap-servers", cluster.servers, "--topic", "lab.commands", "--results", "lab.results",
                    "--audit", "lab.audit", "--group", "bench.yardstick.\(run).\(round)", "--count", "\(self.count)",
                ] + cluster.yardstickProperties + ["-X", "producer.linger.ms=\(self.linger)"]
                    + self.prefetchProperties.flatMap { ["-X", "consumer.\($0)"] })
            let engine = try self.measure(
                ChildProcess.ownPath,
                [
                    "bench", "engine", "-b", cluster.servers, "--group", "bench.engine.\(run).\(round)", "--count",
                    "\(self.count)",
                ] + cluster.properties + ["-X", "linger.ms=\(self.linger)"]
                    + self.prefetchProperties.flatMap { ["-X", $0] })
            rows.append((yard, engine))
            say(
                "round \(round): yardstick \(Int(yard)), engine \(Int(engine)) commands a second, "
                    + "ratio \(Self.twoDigits(engine / yard))")
        }
        self.report(rows)
    }

    /// The same for both: the yardstick would take more by itself, a worker less.
    private var prefetchProperties: [String] {
        ["queued.min.messages=\(self.prefetch)", "queued.max.messages.kbytes=\(max(65_536, self.prefetch))"]
    }

    /// Commands a second, from the JSON that the program prints last.
    private func measure(_ path: String, _ arguments: [String]) throws -> Double {
        let child = try ChildProcess(path, arguments)
        var last = ""
        while let line = child.line() { last = line }
        guard child.wait() == 0, let object = try? JSONSerialization.jsonObject(with: Data(last.utf8)),
            let rate = (object as? [String: Any])?["commandsPerSecond"] as? NSNumber
        else { throw ToolError(.error, "a measured run failed: \(path) \(arguments.joined(separator: " "))") }
        return rate.doubleValue
    }

    private func report(_ rows: [(yardstick: Double, engine: Double)]) {
        let ratios = rows.map { $0.engine / $0.yardstick }.sorted()
        let median = ratios[ratios.count / 2]
        let yard = rows.map(\.yardstick).sorted()[rows.count / 2]
        let engine = rows.map(\.engine).sorted()[rows.count / 2]
        if self.output == "json" {
            put(
                #"{"benchmark":"dispatch","commands":\#(self.count),"keys":\#(self.keys),"#
                    + #""partitions":\#(self.partitions),"prefetch":\#(self.prefetch),"rounds":\#(self.rounds),"#
                    + #""yardstickPerSecond":\#(Int(yard)),"enginePerSecond":\#(Int(engine)),"#
                    + #""ratio":\#(Self.twoDigits(median)),"ratioMin":\#(Self.twoDigits(ratios[0])),"#
                    + #""ratioMax":\#(Self.twoDigits(ratios[ratios.count - 1]))}"#)
        } else {
            put(
                "dispatch, 0 ms handlers, \(self.count) commands, \(self.keys) keys, "
                    + "\(self.prefetch) prefetched, median of \(self.rounds)")
            put("  yardstick (raw librdkafka loop in C)   \(Int(yard)) commands a second")
            put("  engine                                 \(Int(engine)) commands a second")
            put(
                "  ratio                                  \(Self.twoDigits(median)) "
                    + "(\(Self.twoDigits(ratios[0])) to \(Self.twoDigits(ratios[ratios.count - 1])))")
        }
    }

    static func twoDigits(_ value: Double) -> String { String(format: "%.2f", value) }
}
