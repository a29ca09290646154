import ArgumentParser
import Commands
import Foundation
import KafkaClient
import Logging
import Processor

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Show what happens to commands, on an embedded broker in this process.",
        discussion: """
            Needs nothing but this program: it starts an embedded broker and a worker, and where one is installed a \
            PostgreSQL server in a temporary directory. It sends commands of every kind, \
            and shows what the topics say became of them: outcomes, a command that recovers after retries, a dead \
            letter and its replay, and totals. Takes about ten seconds. Exit code 0 when everything ended as it \
            should, 1 when not, with what was different.

            Other clients can watch meanwhile at the address that it prints; with --linger they have time to.

            EXAMPLES
              adjutant demo
              adjutant demo --linger 600 &
              NO_COLOR=1 adjutant demo | less
            """)

    @Option(help: ArgumentHelp("Keep the broker and the worker that long after the summary", valueName: "seconds"))
    var linger: Double?

    @Option(name: .customLong("log-level"), help: "The worker's log: trace, debug, info, notice, warning or error")
    var logLevel: String?

    func validate() throws {
        if let linger, !(linger >= 0 && linger <= 86_400) { throw ValidationError("--linger must be from 0 to 86400") }
    }

    func run() async throws {
        var environment = ToolEnvironment.current
        guard let scenario = environment.demo?() else {
            throw ToolError(.error, "\(environment.name) brings no demonstration")
        }
        environment.services = scenario.services
        let problems = try await ToolEnvironment.$current.withValue(environment) { try await self.play(scenario) }
        guard problems.isEmpty else {
            throw ToolError(.error, "not everything ended as it should: \(problems.joined(separator: "; "))")
        }
    }

    private func play(_ scenario: DemoScenario) async throws -> [String] {
        let started = ContinuousClock.now
        let linger = self.linger
        let domains = scenario.services.map(\.domain)
        let logLevel = self.logLevel
        let database = await DemoDatabase.start()
        let cluster = try await DedicatedThread.run("adj-demo") {
            let logger = Logger(label: "broker") { _ in SwiftLogNoOpLogHandler() }
            return try DemoCluster(domains: domains, database: database.url, logLevel: logLevel, logger: logger)
        }
        let assembly = try WorkerAssembly(
            settings: cluster.settings, logger: cluster.settings.logger(default: .error))
        let ledger = try await assembly.makeDatabase()
        let engine = try await DedicatedThread.run("adj-demo") { try assembly.makeEngine(ledger: ledger?.ledger) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await WorkerAssembly.run(engine, with: ledger) {} } catch { throw ToolError(error) }
            }
            let stage = DemoStage(
                scenario: scenario, cluster: cluster, database: database.description, started: started)
            // A worker that dies must end the show: what it throws is found when its task is waited for.
            let problems: [String]
            do {
                problems = try await DedicatedThread.run("adj-demo") { try stage.play() }
                if let linger {
                    say(
                        "the broker at \(cluster.address) and the worker stay for \(linger.formatted()) s; Ctrl-C ends them"
                    )
                    try await Task.sleep(for: .seconds(linger))
                }
            } catch {
                engine.stop()
                try await group.waitForAll()
                throw error
            }
            engine.stop()
            try await group.waitForAll()
            try await DedicatedThread.run("adj-demo") { cluster.close() }
            await database.remove()
            return problems
        }
    }
}
