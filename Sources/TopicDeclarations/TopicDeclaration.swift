import Commands

/// One topic as its domain's file declares it, defaults applied.
public struct TopicDeclaration: Hashable, Sendable {
    /// The full name, for example `commerce.retry.5s`.
    public var name: String
    public var role: TopicRole
    public var partitions: Int
    public var replicationFactor: Int
    /// Kafka's topic settings, `retention.ms`, `cleanup.policy` and `max.message.bytes` always among them.
    public var config: [String: String]
    public var description: String
    public var schema: TopicSchema

    public init(
        name: String, role: TopicRole, partitions: Int, replicationFactor: Int, config: [String: String],
        description: String, schema: TopicSchema
    ) {
        self.name = name
        self.role = role
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.config = config
        self.description = description
        self.schema = schema
    }
}

/// The topics of one domain.
public struct DomainTopics: Sendable {
    public let domain: Domain
    /// In the order of the file.
    public let topics: [TopicDeclaration]
    /// The file that declares them.
    public let file: String
    /// The delays of the retry topics, ascending.
    public let retryTiers: [RetryTier]

    public init(domain: Domain, topics: [TopicDeclaration], file: String) {
        self.domain = domain
        self.topics = topics
        self.file = file
        self.retryTiers = topics.compactMap { if case .retry(let tier) = $0.role { tier } else { nil } }.sorted()
    }

    public subscript(role: TopicRole) -> TopicDeclaration? { self.topics.first { $0.role == role } }

    public func topic(named name: String) -> TopicDeclaration? { self.topics.first { $0.name == name } }
}
