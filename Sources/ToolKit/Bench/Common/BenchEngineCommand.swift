import ArgumentParser
import Foundation
import JSONCoding
import Ledger
import Logging
import Processor
import Synchronization

/// One measured run of the engine in a process of its own, as the yardstick is one: started by the benchmarks.
struct BenchEngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Handle commands and say how many, or how long it took.", shouldDisplay: false)

    @OptionGroup var connection: ConnectionOptions
    @Option var group: String
    @Option var domain = "lab"
    @Option(help: "Commands after which the run ends; without it a signal ends it") var count: Int?
    @Option var concurrency: Int?
    @Option(help: "Seconds after which the run with a count is given up") var timeout = 120
    @Option(help: "From the first assignment on, print every so many milliseconds how far it is") var progress: Int?

    func run() async throws {
        var settings = try self.connection.settings()
        try settings.set("worker.domains", self.domain, flag: "domain")
        try settings.set("worker.group", self.group, flag: "group")
        try settings.set("worker.concurrency", self.concurrency.map(String.init), flag: "concurrency")
        let logger = try settings.logger(default: .warning)
        let assembly = try WorkerAssembly(settings: settings, logger: logger)
        let database = try await assembly.makeDatabase()
        let engine = try assembly.makeEngine(ledger: database?.ledger)
        let signals = StopSignals(logger: logger) { engine.stop() }
        defer { signals.cancel() }
        let isReady = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let relay = database?.outbox.relay {
                group.addTask {
                    do {
                        try await relay.run()
                    } catch {
                        engine.stop()
                        throw error
                    }
                }
            }
            group.addTask {
                defer { database?.outbox.relay.stop() }
                try await WorkerAssembly.run(engine, with: database) { isReady.value.store(true, ordering: .relaxed) }
            }
            if let interval = self.progress {
                Self.startProgress(of: engine, milliseconds: interval, isReady: isReady)
            }
            if let count = self.count { try await self.waitFor(count, engine) }
            try await group.waitForAll()
        }
        try self.report(engine)
    }

    private func waitFor(_ count: Int, _ engine: Engine) async throws {
        let limit = Date(timeIntervalSinceNow: Double(self.timeout))
        while engine.counters.acknowledged.load(ordering: .relaxed) < count, Date() < limit {
            try await Task.sleep(for: .milliseconds(50))
        }
        engine.stop()
    }

    /// On a thread of its own, which ends with the process.
    private static func startProgress(
        of engine: Engine, milliseconds: Int, isReady: Flag
    ) {
        let thread = Thread {
            let encoder = FastJSONEncoder()
            var bytes: [UInt8] = []
            while StandardStream.output.hasReader {
                BenchClock.sleep(milliseconds: milliseconds)
                guard isReady.value.load(ordering: .relaxed) else { continue }
                let gauges = engine.gauges()
                let sample = BenchSubject.Sample(
                    acknowledged: engine.counters.acknowledged.load(ordering: .relaxed), at: BenchClock.now(),
                    inFlight: gauges.inFlight, inFlightBytes: gauges.inFlightBytes,
                    pausedPartitions: gauges.pausedPartitions)
                bytes.removeAll(keepingCapacity: true)
                guard (try? encoder.encode(sample, into: &bytes)) != nil else { continue }
                bytes.append(UInt8(ascii: "\n"))
                StandardStream.output.write(bytes)
            }
        }
        thread.name = "bench-progress"
        thread.start()
    }

    private final class Flag: Sendable { let value = Atomic<Bool>(false) }

    private func report(_ engine: Engine) throws {
        let first = engine.counters.firstConsumedAt.load(ordering: .relaxed)
        let last = engine.counters.lastAcknowledgedAt.load(ordering: .relaxed)
        let commands = engine.counters.acknowledged.load(ordering: .relaxed)
        let seconds = Double(last - first) / 1_000_000
        put(
            #"{"commands":\#(commands),"seconds":\#(seconds),"#
                + #""commandsPerSecond":\#(Int(Double(commands) / max(seconds, 1e-6)))}"#)
        if let count = self.count, commands < count { throw ExitCode(ToolExit.unreachable.rawValue) }
    }
}
