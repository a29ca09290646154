import Commands

/// What a topic of a domain is for.
public enum TopicRole: Hashable, Sendable {
    case commands
    case retry(RetryTier)
    case results
    case failures
    case audit
    case deadLetters
    /// What operators did about dead letters; without it they can be looked at only.
    case deadLetterJobs
    /// Copies of dead letters that were replayed too often.
    case parkedLetters

    /// The roles that exactly one topic of every domain has.
    static let required: [TopicRole] = [.commands, .results, .failures, .audit, .deadLetters]
    /// The roles that one topic may have.
    static let optional: [TopicRole] = [.deadLetterJobs, .parkedLetters]

    /// The topic's name without the domain, for example `retry.5s`.
    public var suffix: String {
        switch self {
        case .commands: "commands"
        case .retry(let tier): "retry.\(tier.name)"
        case .results: "results"
        case .failures: "failures"
        case .audit: "audit"
        case .deadLetters: "dlt"
        case .deadLetterJobs: "dlt.jobs"
        case .parkedLetters: "dlt.parked"
        }
    }

    var record: TopicSchema.Record {
        switch self {
        case .commands, .retry: .command
        case .results, .failures: .outcome
        case .audit: .audit
        case .deadLetters, .parkedLetters: .deadLetter
        case .deadLetterJobs: .deadLetterJob
        }
    }

    var key: TopicSchema.Key {
        switch self {
        case .audit: .commandID
        case .deadLetterJobs: .job
        default: .orderingKey
        }
    }
}

/// What the records of a topic hold.
public struct TopicSchema: Hashable, Sendable, Codable {
    /// The kind of record: CloudEvents commands, outcome and audit events, dead letters, or what was done about them.
    public enum Record: String, Sendable, Codable, CaseIterable {
        case command
        case outcome
        case audit
        case deadLetter = "dead-letter"
        case deadLetterJob = "dead-letter-job"
    }

    /// What the record key is.
    public enum Key: String, Sendable, Codable, CaseIterable {
        /// The command's ordering key, null when it has none.
        case orderingKey = "ordering-key"
        case commandID = "command-id"
        /// A job's id and what of it the record holds.
        case job
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
