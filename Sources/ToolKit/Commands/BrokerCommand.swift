import ArgumentParser
import Commands
import Foundation
import KafkaClient
import Logging
import TopicDeclarations

struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker", abstract: "Run the embedded broker, with the topics of Topics/.",
        usage: "adjutant broker [--partitions <n>] [--port <port>] [<options>]",
        discussion: """
            Prints host:port as the first line on standard output and runs until a signal. Any Kafka client can connect.

            It is librdkafka's mock cluster, for demonstrations and tests. Everything is in memory and gone when it \
            ends; a partition forgets its oldest records past 5 MiB, so use many partitions and small backlogs; there \
            are no transactions, no admin protocol (topics cannot be created or described by clients), no TLS, SASL or \
            access control, no compaction and no time retention; fetches of an idle partition are answered only \
            after the client's whole fetch.wait.max.ms; a group's first join takes 3 seconds.

            EXAMPLES
              adjutant broker
              adjutant broker --port 9092 --partitions 64
            """)

    @Option(help: "Partitions of every topic, instead of the declared number")
    var partitions: Int?

    @Option(help: "A fixed port for the bootstrap address; librdkafka picks the brokers' own")
    var port: Int?

    @Option(help: "A YAML file with settings")
    var config: String?

    @Option(name: .customLong("topics"), help: "Where the topic declarations lie")
    var topicsDirectory: String?

    func validate() throws {
        if let partitions, !(1...10_000).contains(partitions) {
            throw ValidationError("--partitions must be between 1 and 10000")
        }
        if let port, !(1...65_535).contains(port) { throw ValidationError("--port must be between 1 and 65535") }
    }

    func run() async throws {
        var settings = try Settings.load(file: self.config)
        try settings.set("topics.directory", self.topicsDirectory, flag: "topics")
        let logger = try settings.logger(default: .warning)
        guard let declarations = try settings.topics() else {
            throw ToolError(
                .notFound, "no topic declarations found: run from a folder with Topics/ in it, or give --topics")
        }
        let broker: EmbeddedBroker
        do {
            broker = try EmbeddedBroker(logger: logger)
            try broker.createTopics(declarations.topics.map { ($0.name, self.partitions ?? $0.partitions) })
        } catch {
            throw ToolError(error)
        }
        var address = broker.bootstrapServers
        let forwarder = try self.port.map { try PortForwarder(port: $0, target: broker.bootstrapServers) }
        if let forwarder { address = forwarder.address }
        put(address)
        say("embedded broker with \(declarations.topics.count) topics; stop it with Ctrl-C")
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let signals = StopSignals(logger: logger) { continuation.finish() }
        for await _ in stream {}
        signals.cancel()
        forwarder?.close()
        broker.close()
    }
}
