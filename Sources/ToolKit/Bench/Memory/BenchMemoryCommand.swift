import ArgumentParser
import Foundation

struct BenchMemoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "Resident memory of a worker with a large backlog and slow handlers.",
        discussion: """
            Loads a backlog of 230-byte commands, lets a worker with slow handlers stand before it, and reads its \
            resident bytes from /proc: idle, settled, and at most. What lies between idle and settled is what the worker \
            keeps of the backlog: commands taken and not finished (bounded by worker.in_flight and worker.look_ahead) \
            and librdkafka's prefetch (bounded by queued.max.messages.kbytes). It must not grow with the backlog. The \
            yardstick, whose prefetch is unbounded and which waits for nothing, has the same backlog: its peak is what a \
            loop costs that takes all it can get.

            The embedded broker keeps some 7,000 such commands a partition; the count is lowered to that, with a \
            message. Its own memory is not counted.

            EXAMPLES
              adjutant bench memory
              adjutant bench memory --partitions 160 --count 1000000
              adjutant bench memory -b localhost:9092 --seconds 60 -o json
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Commands in the backlog") var count = 1_000_000
    @Option(help: "Length of the handlers, in milliseconds") var durationMs = 100
    @Option(help: "Seconds that the worker has to settle") var seconds = 15
    @Option(help: "Keys of the commands") var keys = 5000
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 64
    @Option(help: "Handlers running at once") var concurrency = 256

    func validate() throws {
        guard self.count > 0, self.durationMs > 0, self.seconds > 2, self.keys > 0, self.concurrency > 0,
            (1...10_000).contains(self.partitions)
        else { throw ValidationError("the numbers must be above 0, --seconds above 2") }
    }

    func run() async throws {
        _ = try ChildProcess.yardstickPath()
        try await DedicatedThread.run("bench") { try self.measure() }
    }

    private func measure() throws {
        let cluster = try BenchCluster(servers: self.options.bootstrapServers, partitions: self.partitions)
        defer { cluster.stop() }
        var count = self.count
        let most = cluster.partitions * BenchCluster.commandsPerPartition
        if cluster.isEmbedded, count > most {
            say(
                "the embedded broker keeps some \(most) commands in \(cluster.partitions) partitions: so many are loaded"
            )
            count = most
        }
        var report = MemoryReport(
            backlog: count, durationMs: self.durationMs, concurrency: self.concurrency, partitions: cluster.partitions)
        try self.measureIdle(cluster, &report)
        say("loading \(count) commands into \(cluster.servers)")
        let (wait, keys) = (self.durationMs, self.keys)
        try cluster.load(count: count, keys: keys) { index in
            // As long as the other benchmarks' commands.
            #"{"durationMs":\#(wait),"# + CommandLoader.echo(index, keys: keys).dropFirst()
        }
        try self.measureBacklog(cluster, &report)
        try self.measureYardstick(cluster, &report)
        report.loadAverage = BenchClock.loadAverage.rounded(digits: 1)
        try self.options.print(report) { report.lines }
    }

    private func measureIdle(_ cluster: BenchCluster, _ report: inout MemoryReport) throws {
        let group = BenchCluster.group("memory.idle")
        try cluster.skipToEnd(group: group)
        let subject = try BenchSubject.engine(cluster, group: group, concurrency: self.concurrency, progress: 200)
        defer { subject.stop() }
        try subject.waitForAssignment()
        BenchClock.sleep(milliseconds: 2000)
        report.idleBytes = ProcessMemory.resident(of: subject.child.identifier)
    }

    private func measureBacklog(_ cluster: BenchCluster, _ report: inout MemoryReport) throws {
        let subject = try BenchSubject.engine(
            cluster, group: BenchCluster.group("memory.engine"), concurrency: self.concurrency, progress: 200)
        defer { subject.stop() }
        try subject.waitForAssignment()
        BenchClock.sleep(milliseconds: self.seconds * 1000)
        // Settled: the mean over two seconds.
        var total = 0
        for _ in 0..<20 {
            total += ProcessMemory.resident(of: subject.child.identifier)
            BenchClock.sleep(milliseconds: 100)
        }
        report.settledBytes = total / 20
        report.peakBytes = ProcessMemory.peak(of: subject.child.identifier)
        report.inFlight = subject.latest?.inFlight ?? 0
        report.inFlightRecordBytes = subject.latest?.inFlightBytes ?? 0
        report.handledMeanwhile = subject.acknowledged
        report.finishFigures()
    }

    private func measureYardstick(_ cluster: BenchCluster, _ report: inout MemoryReport) throws {
        let subject = try BenchSubject.yardstick(
            cluster, group: BenchCluster.group("memory.yardstick"), progress: 200)
        defer { subject.stop() }
        try subject.waitForAssignment()
        BenchClock.sleep(milliseconds: self.seconds * 500)
        report.yardstickPeakBytes = ProcessMemory.peak(of: subject.child.identifier)
        if report.yardstickPeakBytes > 0 {
            report.ratioToYardstick = (Double(report.peakBytes) / Double(report.yardstickPeakBytes)).rounded(digits: 2)
        }
    }
}

/// A process's memory, from /proc.
enum ProcessMemory {
    static func resident(of process: Int32) -> Int { self.field("VmRSS:", of: process) }
    static func peak(of process: Int32) -> Int { self.field("VmHWM:", of: process) }

    private static func field(_ name: String, of process: Int32) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        return (kilobytes ?? 0) * 1024
    }
}
