import ArgumentParser
import Foundation
import Logging
import PostgresClient
import PostgresServer

struct BenchDurableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "durable",
        abstract: "Commands a second with a database, handlers of 0 ms, and the ratio to what the database can do.",
        discussion: """
            Fills lab.commands, then lets the engine handle the backlog with the inbox, the history and the outbox's \
            relay at work, in a process of its own. Every command is looked up, run, and its outcome is committed to \
            PostgreSQL before its events are sent. The ceiling is measured in the same run, with nothing else going \
            on: rows of the same contents and indexes, loaded by COPY over as many connections, so many rows in each \
            transaction as the ledger puts into one at most. Quote the ratio: absolute figures are the machine's.

            Starts a PostgreSQL server of its own in a temporary directory, with fsync and synchronous_commit on, \
            unless --database-url names one, which gets Adjutant's schema and the run's commands. It must have nothing in \
            its outbox and no schedules to come: the run's relay would send them to the run's broker.

            EXAMPLES
              adjutant bench durable
              adjutant bench durable --count 300000 --rounds 3 -o json
              ADJUTANT_DATABASE_URL=postgres://adjutant@db/bench adjutant bench durable --database-url env
            """)

    @Option(name: [.customLong("bootstrap-servers"), .customShort("b")], help: "Brokers; an embedded one when absent")
    var bootstrapServers: String?
    @Option(
        name: .customLong("database-url"),
        help: "PostgreSQL, `env` for ADJUTANT_DATABASE_URL; a server of one's own when absent")
    var databaseURL: String?
    @Option(help: "Commands to handle in each run") var count = 200_000
    @Option(help: "Keys of the commands") var keys = 1000
    @Option(help: "Partitions of the embedded broker's topics") var partitions = 64
    @Option(help: "Runs of each") var rounds = 1
    @Option(name: .shortAndLong, help: "table or json") var output = "table"

    func validate() throws {
        guard self.count > 0, self.keys > 0, self.rounds > 0, (1...10_000).contains(self.partitions) else {
            throw ValidationError("--count, --keys, --rounds and --partitions must be above 0")
        }
        guard ["table", "json"].contains(self.output) else { throw ValidationError("-o must be table or json") }
        if self.bootstrapServers == nil, self.count / self.partitions > BenchCluster.commandsPerPartition {
            throw ValidationError(
                "the embedded broker forgets past 5 MiB a partition: use --partitions "
                    + "\(self.count / BenchCluster.commandsPerPartition + 1) or more")
        }
    }

    func run() async throws {
        guard let url = self.databaseURL else { return try await self.runWithOwnServer() }
        if url != "env" {
            var settings = Settings()
            try settings.setDatabaseURL(url)
        }
        let named = url == "env" ? ProcessInfo.processInfo.environment["ADJUTANT_DATABASE_URL"] : url
        guard let named, !named.isEmpty else { throw ToolError(.usage, "ADJUTANT_DATABASE_URL is not set") }
        try await self.measure(named)
    }

    private func runWithOwnServer() async throws {
        guard let programs = PostgresPrograms.find() else {
            throw ToolError(
                .notFound, "the programs of a PostgreSQL server are not installed: install them, or use --database-url")
        }
        let server: PostgresServer
        do {
            server = try await PostgresServer.start(
                programs,
                settings: [
                    "fsync": "on", "synchronous_commit": "on", "shared_buffers": "256MB", "max_wal_size": "4GB",
                    "wal_buffers": "16MB",
                ])
        } catch {
            throw ToolError(.error, "\(error)")
        }
        do {
            try await self.measure(server.url)
        } catch {
            await server.remove()
            throw error
        }
        await server.remove()
    }

    private func measure(_ url: String) async throws {
        let (servers, partitions) = (self.bootstrapServers, self.partitions)
        let (count, keys) = (self.count, self.keys)
        let cluster = try await DedicatedThread.run("adj-bench") {
            try BenchCluster(servers: servers, partitions: partitions)
        }
        defer { cluster.stop() }
        let run = UInt32.random(in: 0...UInt32.max)
        var rows: [DurableResult] = []
        do {
            let ceiling = try CeilingMeasurement(url: url, logger: cluster.logger)
            for round in 1...self.rounds {
                try await ceiling.prepare()
                let engine = try await DedicatedThread.run("adj-bench") {
                    // New commands each time: those of the round before are known to the inbox.
                    let group = "bench.durable.\(run).\(round)"
                    try cluster.skipToEnd(group: group)
                    say("loading \(count) commands into \(cluster.servers)")
                    try cluster.load(count: count, keys: keys)
                    return try Self.engine(cluster, url: url, group: group, count: count)
                }
                let most = try await ceiling.run(count: count)
                rows.append(DurableResult(engine: engine, ceiling: most))
                say(
                    "round \(round): engine \(Int(engine)), ceiling \(Int(most)) commands a second, "
                        + "ratio \(BenchDispatchCommand.twoDigits(engine / most))")
            }
            try await self.report(rows, ceiling.server())
        } catch {
            throw ToolError(database: error)
        }
    }

    /// Commands a second, from the JSON that the run prints last.
    private static func engine(_ cluster: BenchCluster, url: String, group: String, count: Int) throws -> Double {
        // Not among the arguments, which everybody can read.
        let child = try ChildProcess(
            ChildProcess.ownPath,
            ["bench", "engine", "-b", cluster.servers, "--group", group, "--count", "\(count)"] + cluster.properties,
            environment: ["ADJUTANT_DATABASE_URL": url])
        var last = ""
        while let line = child.line() { last = line }
        guard child.wait() == 0, let object = try? JSONSerialization.jsonObject(with: Data(last.utf8)),
            let rate = (object as? [String: Any])?["commandsPerSecond"] as? NSNumber
        else { throw ToolError(.error, "the measured run failed") }
        return rate.doubleValue
    }

    private func report(_ rows: [DurableResult], _ server: CeilingMeasurement.Server) {
        let middle = rows.sorted { $0.ratio < $1.ratio }[rows.count / 2]
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let ratio = BenchDispatchCommand.twoDigits(middle.ratio)
        if self.output == "json" {
            put(
                #"{"benchmark":"durable","commands":\#(self.count),"keys":\#(self.keys),"rounds":\#(self.rounds),"#
                    + #""cores":\#(cores),"commandsPerSecond":\#(Int(middle.engine)),"#
                    + #""ceilingPerSecond":\#(Int(middle.ceiling)),"ratio":\#(ratio),"#
                    + #""ceilingGroup":\#(CeilingMeasurement.group),"server":"\#(server.version)","#
                    + #""fsync":"\#(server.fsync)","synchronousCommit":"\#(server.synchronousCommit)"}"#)
        } else {
            put("durable, 0 ms handlers, \(self.count) commands, \(self.keys) keys, \(cores) cores, \(server.summary)")
            put("  engine with inbox, history and outbox   \(Int(middle.engine)) commands a second")
            put("  ceiling: the same rows by COPY          \(Int(middle.ceiling)) rows a second")
            put("  ratio                                   \(ratio)")
        }
    }
}

/// One round.
private struct DurableResult {
    var engine: Double
    var ceiling: Double
    var ratio: Double { self.engine / max(self.ceiling, 1) }
}
