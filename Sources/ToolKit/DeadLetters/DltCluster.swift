import Commands
import DeadLetters
import KafkaClient
import KafkaTransport
import Logging

/// The cluster and the topic that a command about dead letters means. Blocks while it is made.
struct DltCluster {
    let settings: Settings
    let domain: Domain
    /// The dead-letter topic.
    let topic: String
    let configuration: KafkaConfiguration
    let topics: [(name: String, partitions: Int32)]
    let source: KafkaDeadLetterSource
    let logger: Logger

    init(_ options: DltOptions) throws {
        self.settings = try options.settings()
        self.domain = try options.domainName()
        self.topic = options.topic ?? self.domain.deadLetterTopic
        self.logger = try self.settings.logger(default: .error)
        self.configuration = try self.settings.kafka()
        self.topics = try ClusterCheck.topics(self.configuration, logger: self.logger).map { ($0.name, $0.partitions) }
        self.source = KafkaDeadLetterSource(
            configuration: self.configuration, topics: self.topics, logger: self.logger)
        guard self.topics.contains(where: { [topic = self.topic] in $0.name == topic }) else {
            throw ToolError(
                .notFound,
                "there is no topic \(self.topic) on \(try self.settings.bootstrapServers): is --domain right?")
        }
    }
}
