import Commands

/// A schedule that is about to be stored: the command to send, and when.
package struct ScheduleDraft: Sendable {
    /// Unique among the schedules that are not cancelled; nil for none.
    package var name: String?
    package var domain: Domain
    package var type: CommandType
    /// The ordering key of its commands.
    package var key: String?
    /// JSON.
    package var data: [UInt8]
    /// CloudEvents attributes of its commands beyond those that Adjutant sets, by name: `actor`, `tenant`, ….
    package var attributes: [String: String]
    package var timing: ScheduleTiming
    package var missedPolicy: MissedPolicy
    package var createdBy: String?

    package init(
        domain: Domain, type: CommandType, key: String? = nil, data: [UInt8] = Array("{}".utf8),
        attributes: [String: String] = [:], timing: ScheduleTiming, name: String? = nil,
        missedPolicy: MissedPolicy = .fireOnce, createdBy: String? = nil
    ) {
        self.domain = domain
        self.type = type
        self.key = key
        self.data = data
        self.attributes = attributes
        self.timing = timing
        self.name = name
        self.missedPolicy = missedPolicy
        self.createdBy = createdBy
    }
}
