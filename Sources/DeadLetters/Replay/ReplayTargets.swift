import Commands
import TopicDeclarations

/// The topics that letters may be sent to: those of the domain that carry commands, as declared.
///
/// A letter's headers are written by strangers: what they name must not make the tool write anywhere else.
package struct ReplayTargets: Sendable {
    package let domain: Domain
    package let names: Set<String>
    /// The same in a row: a handful, quickly looked through.
    private let list: [String]

    /// - Parameters:
    ///   - declared: The domain's declarations; nil when there are none, and the contract's names are taken.
    ///   - tiers: The retry topics in that case.
    package init(domain: Domain, declared: DomainTopics?, tiers: [RetryTier]) {
        self.domain = domain
        if let declared {
            self.names = Set(declared.topics.filter { $0.role.carriesCommands }.map(\.name))
        } else {
            self.names = Set([domain.commandsTopic] + tiers.map { domain.retryTopic($0) })
        }
        self.list = self.names.sorted()
    }

    package func allows(_ topic: String) -> Bool { self.names.contains(topic) }

    /// The topic of that name, if letters may be sent to it.
    func allowed(_ name: ArraySlice<UInt8>) -> String? { self.list.first { $0.utf8.elementsEqual(name) } }
}

extension TopicRole {
    fileprivate var carriesCommands: Bool {
        switch self {
        case .commands, .retry: true
        default: false
        }
    }
}
