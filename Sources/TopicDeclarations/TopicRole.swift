import Commands

/// What a topic of a domain is for.
public enum TopicRole: Hashable, Sendable {
    case commands
    case retry(RetryTier)
    case results
    case failures
    case audit
    case deadLetters

    /// The roles that exactly one topic of every domain has.
    static let required: [TopicRole] = [.commands, .results, .failures, .audit, .deadLetters]

    /// The topic's name without the domain, for example `retry.5s`.
    public var suffix: String {
        switch self {
        case .commands: "commands"
        case .retry(let tier): "retry.\(tier.name)"
        case .results: "results"
        case .failures: "failures"
        case .audit: "audit"
        case .deadLetters: "dlt"
        }
    }

    var record: TopicSchema.Record {
        switch self {
        case .commands, .retry: .command
        case .results, .failures: .outcome
        case .audit: .audit
        case .deadLetters: .deadLetter
        }
    }

    var key: TopicSchema.Key { self == .audit ? .commandID : .orderingKey }
}

/// What the records of a topic hold.
public struct TopicSchema: Hashable, Sendable, Codable {
    /// The kind of record: CloudEvents commands, outcome and audit events, or dead letters.
    public enum Record: String, Sendable, Codable, CaseIterable {
        case command
        case outcome
        case audit
        case deadLetter = "dead-letter"
    }

    /// What the record key is.
    public enum Key: String, Sendable, Codable, CaseIterable {
        /// The command's ordering key, null when it has none.
        case orderingKey = "ordering-key"
        case commandID = "command-id"
    }

    public var record: Record
    public var key: Key
    /// The value, in words; empty when the declaration says nothing.
    public var value: String

    public init(record: Record, key: Key, value: String = "") {
        self.record = record
        self.key = key
        self.value = value
    }
}
