import Commands
import Foundation
import KafkaClient
import Logging
import Processor

/// The embedded broker of a demonstration, with the topics of its domains, and settings to match.
final class DemoCluster: Sendable {
    static let tier = RetryTier(milliseconds: 2000)
    static let delays = "300ms,2s"
    static let attempts = 3
    private static let partitions = 6

    let address: String
    let settings: Settings
    private let broker: EmbeddedBroker

    /// Blocks.
    init(domains: [Domain], database: String?, logLevel: String?, logger: Logger) throws {
        do {
            self.broker = try EmbeddedBroker(logger: logger)
            self.address = self.broker.bootstrapServers
            try self.broker.createTopics(domains.flatMap(Self.topics).map { ($0, Self.partitions) })
        } catch {
            throw ToolError(error)
        }
        // Nothing from the environment or a file: a demonstration touches no other cluster.
        var settings = Settings()
        try settings.set("kafka.bootstrap_servers", self.address, flag: "demo")
        try settings.set("kafka.properties.fetch.wait.max.ms", "10", flag: "demo")
        try settings.set("worker.domains", domains.map(\.rawValue).joined(separator: ","), flag: "demo")
        try settings.set("worker.group", "adjutant.demo", flag: "demo")
        try settings.set("worker.name", "demo", flag: "demo")
        try settings.set("retry.attempts", "\(Self.attempts)", flag: "demo")
        try settings.set("retry.delays", Self.delays, flag: "demo")
        try settings.set("retry.tiers", Self.tier.name, flag: "demo")
        try settings.set("database.url", database, flag: "demo")
        try settings.set("log.level", logLevel, flag: "log-level")
        self.settings = settings
    }

    /// What a demonstration reads back.
    static func eventTopics(_ domain: Domain) -> [String] {
        [
            domain.resultsTopic, domain.failuresTopic, domain.auditTopic, domain.deadLetterTopic,
            domain.retryTopic(self.tier),
        ]
    }

    private static func topics(_ domain: Domain) -> [String] { [domain.commandsTopic] + self.eventTopics(domain) }

    func close() { self.broker.close() }
}
