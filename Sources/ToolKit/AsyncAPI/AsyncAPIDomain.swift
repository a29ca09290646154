import Commands
import JSONCoding
import TopicDeclarations

/// A domain as its AsyncAPI document sees it: its command types and its topics.
struct AsyncAPIDomain: Sendable {
    struct Handled: Sendable {
        let type: String
        let input: JSONSchema
        let output: JSONSchema
        /// What one may rely on besides the data, in words.
        let policy: String
    }

    struct Topic: Sendable {
        let name: String
        let role: TopicRole
        /// Nil when no file declares it.
        let declaration: TopicDeclaration?
    }

    let name: Domain
    /// The consumer group of the workers that serve it.
    let group: String
    /// By type.
    let handled: [Handled]
    let topics: [Topic]

    /// - Parameters:
    ///   - registry: With the policies in force.
    ///   - declared: The domain's declared topics; nil when there are none, so that the tiers say which topics there are.
    init(name: Domain, group: String, registry: HandlerRegistry, tiers: [RetryTier], declared: DomainTopics?) {
        self.name = name
        self.group = group
        self.handled = registry.entries.sorted { $0.type.rawValue < $1.type.rawValue }.map { entry in
            let schemas = entry.schemas()
            return Handled(
                type: entry.type.rawValue, input: schemas.input, output: schemas.output,
                policy: Self.text(of: entry.policy))
        }
        let roles: [TopicRole] =
            [.commands] + tiers.sorted().map { .retry($0) }
            + [.results, .failures, .audit, .deadLetters, .deadLetterJobs, .parkedLetters]
        self.topics = roles.compactMap { role in
            let declaration = declared?[role]
            // What operators need is there only where it is declared.
            let isOptional = role == .deadLetterJobs || role == .parkedLetters
            if isOptional, declared != nil, declaration == nil { return nil }
            return Topic(name: "\(name).\(role.suffix)", role: role, declaration: declaration)
        }
    }

    private static func text(of policy: CommandPolicy) -> String {
        let attempts = policy.retry.attempts
        let timeout = DurationText.text(milliseconds: policy.timeout.wholeMilliseconds)
        let order =
            switch policy.ordering {
            case .key:
                "one after another for each key" + (policy.strictOrder ? ", also while one waits for a retry" : "")
            case .partition: "one after another for each partition"
            case .none: "in no order"
            }
        return "Tried up to \(attempts) time\(attempts == 1 ? "" : "s") of up to \(timeout) each, run \(order)."
    }
}
