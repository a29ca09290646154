import Commands
import Foundation
import KafkaClient
import Logging

/// The broker of a measurement: the one named on the command line, or an embedded one in a process of its own.
struct BenchCluster: Sendable {
    let servers: String
    /// Partitions of the commands topic.
    let partitions: Int
    let isEmbedded: Bool
    let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    private let child: ChildProcess?
    private let topics: [KafkaTopic]
    private let fetchWait: Int

    /// What the embedded broker keeps of a partition, in commands of 600 bytes.
    static let commandsPerPartition = 7000

    /// - Parameters:
    ///   - partitions: For the embedded broker; another one has what it has.
    ///   - fetchWait: Milliseconds that the embedded broker may hold an idle fetch; it holds it for all of them.
    init(servers: String?, partitions: Int, fetchWait: Int = 10) throws {
        self.isEmbedded = servers == nil
        self.fetchWait = fetchWait
        if let servers {
            self.servers = servers
            self.child = nil
        } else {
            let child = try ChildProcess(ChildProcess.ownPath, ["broker", "--partitions", "\(partitions)"])
            guard let line = child.line() else { throw ToolError(.error, "the embedded broker did not start") }
            self.child = child
            self.servers = line
        }
        do {
            let configuration = KafkaConfiguration(["bootstrap.servers": self.servers])
            self.topics = try ClusterCheck.topics(configuration, logger: self.logger)
        } catch {
            self.child?.stop()
            throw error
        }
        guard let commands = self.topics.first(where: { $0.name == "lab.commands" }) else {
            throw ToolError(.notFound, "there is no topic lab.commands on \(self.servers): create the domain's topics")
        }
        self.partitions = Int(commands.partitions)
    }

    func stop() { self.child?.stop() }

    /// What a worker needs to be quick on the embedded broker.
    var properties: [String] { self.isEmbedded ? ["-X", "fetch.wait.max.ms=\(self.fetchWait)"] : [] }

    /// The same for the yardstick, whose own default suits no other broker.
    var yardstickProperties: [String] {
        ["-X", "consumer.fetch.wait.max.ms=\(self.isEmbedded ? self.fetchWait : 100)"]
    }

    var configuration: KafkaConfiguration {
        var configuration = KafkaConfiguration(["bootstrap.servers": self.servers])
        if self.isEmbedded { configuration["fetch.wait.max.ms"] = "\(self.fetchWait)" }
        return configuration
    }

    /// Reads a topic of the lab outside any group.
    func reader(_ topic: String, from start: TopicReader.Start) throws -> TopicReader {
        try TopicReader(
            configuration: self.configuration, topics: self.topics.filter { $0.name == topic }, from: start,
            logger: self.logger)
    }

    /// Lets a group that nobody has joined begin at the end of the commands.
    func skipToEnd(group: String) throws {
        var configuration = self.configuration
        configuration["group.id"] = group
        do {
            let consumer = try KafkaConsumer(configuration: configuration, logger: self.logger)
            defer { consumer.close() }
            var ends: [KafkaPartition] = []
            for partition in 0..<Int32(self.partitions) {
                let high = try consumer.watermarks(topic: "lab.commands", partition: partition, milliseconds: 10_000)
                    .high
                ends.append(KafkaPartition(topic: "lab.commands", partition: partition, offset: high))
            }
            try consumer.commitAndWait(ends)
        } catch {
            throw ToolError(error, servers: self.servers)
        }
    }

    /// A name that no run before had.
    static func group(_ name: String) -> String { "bench.\(name).\(UInt32.random(in: 0...UInt32.max))" }

    /// Sends `lab.run` commands: 230 bytes of JSON, binary mode, over so many keys.
    func load(count: Int, keys: Int, data: ((Int) -> String)? = nil) throws {
        let loader = try CommandLoader(cluster: self)
        defer { loader.close() }
        for index in 0..<count {
            try loader.send(
                key: "key-\(index * 7919 % keys)", data: data?(index) ?? CommandLoader.echo(index, keys: keys))
            if index & 255 == 0 { loader.serve(milliseconds: 0) }
        }
        try loader.finish(seconds: 60)
    }
}
