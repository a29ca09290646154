import ArgumentParser
import Foundation
import Logging
import Processor
import Synchronization

/// One measured run of the engine in a process of its own, as the yardstick is one: started by the benchmarks.
struct BenchEngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Handle a number of commands and say how long it took.", shouldDisplay: false)

    @OptionGroup var connection: ConnectionOptions
    @Option var group: String
    @Option var domain = "lab"
    @Option var count: Int
    @Option var concurrency: Int?
    @Option(help: "Seconds after which the run is given up") var timeout = 120

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let user = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        let system = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
        return user + system
    }

    func run() async throws {
        var settings = try self.connection.settings()
        try settings.set("worker.domains", self.domain, flag: "domain")
        try settings.set("worker.group", self.group, flag: "group")
        try settings.set("worker.concurrency", self.concurrency.map(String.init), flag: "concurrency")
        let assembly = try WorkerAssembly(settings: settings, logger: try settings.logger(default: .warning))
        let engine = try assembly.makeEngine()
        let limit = Date(timeIntervalSinceNow: Double(self.timeout))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await engine.run(ready: {}) }
            while engine.counters.acknowledged.load(ordering: .relaxed) < self.count, Date() < limit {
                try await Task.sleep(for: .milliseconds(5))
            }
            let first = engine.counters.firstConsumedAt.load(ordering: .relaxed)
            let last = engine.counters.lastAcknowledgedAt.load(ordering: .relaxed)
            engine.stop()
            try await group.waitForAll()
            let commands = engine.counters.acknowledged.load(ordering: .relaxed)
            let seconds = Double(last - first) / 1_000_000
            put(
                #"{"commands":\#(commands),"seconds":\#(seconds),"commandsPerSecond":\#(Int(Double(commands) / max(seconds, 1e-6)))}"#
            )
            if commands < self.count { throw ExitCode(ToolExit.unreachable.rawValue) }
        }
    }
}
