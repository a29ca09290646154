import ArgumentParser
import Foundation

struct BenchDeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlt", abstract: "Finding and replaying a full topic of dead letters, against a plain producer.",
        discussion: """
            Fills lab.dlt, then runs `dlt groups`, a filtered `dlt list`, a whole `dlt replay` and one with --rate, each in \
            a process of its own, and a plain producer that sends as many records of the same size to the same topic. \
            Seconds are those of the whole process, its start among them; memory is its peak. The replay's speed, which \
            is compared with the producer's, is that of the job: from its first note to its last.

            Use a broker of its own: letters that lie on lab.dlt already are counted too.

            EXAMPLES
              adjutant bench dlt
              adjutant bench dlt --count 20000 -o json
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Dead letters") var count = 100_000
    @Option(help: "Causes among them") var causes = 20
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 64
    @Option(help: "Letters a second of the replay with a rate") var rate = 500

    func validate() throws {
        guard self.count > 0, self.causes > 0, self.rate > 0, (1...10_000).contains(self.partitions) else {
            throw ValidationError("the numbers must be above 0")
        }
    }

    func run() async throws {
        try await DedicatedThread.run("bench") { try self.measure() }
    }

    private func measure() throws {
        let cluster = try BenchCluster(servers: self.options.bootstrapServers, partitions: self.partitions)
        defer { cluster.stop() }
        say("filling lab.dlt with \(self.count) letters on \(cluster.servers)")
        let letters = LetterLoader(cluster: cluster, causes: self.causes)
        try letters.fill("lab.dlt", count: self.count, asLetters: true)
        var report = DeadLettersReport(letters: self.count, causes: self.causes, partitions: cluster.partitions)

        let groups = try DltRun(cluster, ["groups", "-o", "json"])
        report.groupsSeconds = groups.seconds
        report.groupsPeakBytes = groups.peakBytes
        report.groupsFound = groups.lines.count { $0.contains("\"fingerprint\"") }
        let list = try DltRun(cluster, ["list", "--filter", "code=CODE_3 message~timeout", "-o", "json"])
        report.listSeconds = list.seconds
        report.listPeakBytes = list.peakBytes

        let plain = BenchClock.now()
        try letters.fill("lab.commands", count: self.count, asLetters: false)
        report.producerPerSecond = self.perSecond(self.count, BenchClock.now() - plain)
        let replay = try DltRun(cluster, ["replay", "--execute", "--reason", "bench", "-o", "json"])
        report.replayPeakBytes = replay.peakBytes
        report.replayed = replay.number("sent")
        report.replaySeconds = replay.seconds
        report.replayPerSecond = replay.rate.rounded()
        report.ratioToProducer = (report.replayPerSecond / max(1, report.producerPerSecond)).rounded(digits: 2)

        let limit = self.rate * 6
        let paced = try DltRun(
            cluster,
            [
                "replay", "--execute", "--reason", "bench", "--again", "--rate", "\(self.rate)", "--limit", "\(limit)",
                "-o", "json",
            ])
        report.rateAsked = self.rate
        report.rateHeld = paced.rate.rounded(digits: 1)
        report.loadAverage = BenchClock.loadAverage.rounded(digits: 1)
        try self.options.print(report) { report.lines }
    }

    private func perSecond(_ count: Int, _ microseconds: Int64) -> Double {
        (Double(count) * 1_000_000 / Double(max(1, microseconds))).rounded()
    }
}
