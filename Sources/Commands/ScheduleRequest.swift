import JSONCoding

/// A command to be sent later, once or again and again.
public struct ScheduleRequest: Sendable {
    /// When it is sent, by the database's clock.
    public enum Timing: Sendable, Hashable {
        /// Once, so long from now.
        case after(Duration)
        /// Once; microseconds since 1970.
        case at(Int64)
        /// At every time that a cron expression names in a time zone such as `Europe/Berlin`.
        case cron(String, timeZone: String = "UTC")
    }

    public var domain: Domain
    public var type: CommandType
    /// JSON.
    public var data: [UInt8]
    /// The ordering key of its commands.
    public var key: String?
    public var timing: Timing
    /// A name to cancel it by, unique among the schedules that are not cancelled.
    public var name: String?
    /// Whether due times that passed while no worker ran are left out, instead of being made up for once.
    public var skipsMissed = false
    /// CloudEvents attributes of its commands by name, `actor` or `tenant` for instance.
    public var attributes: [String: String] = [:]

    /// - Throws: What encoding the data throws.
    public init(
        _ type: CommandType, in domain: Domain, data: some Encodable, key: String? = nil, _ timing: Timing,
        name: String? = nil
    ) throws {
        self.type = type
        self.domain = domain
        self.data = try FastJSONEncoder().encode(data)
        self.key = key
        self.timing = timing
        self.name = name
    }
}

extension CommandTransaction {
    /// For transactions of tests, which keep no schedules.
    public func schedule(_ request: ScheduleRequest) async throws -> String { throw Self.keepsNone }

    /// For transactions of tests, which keep no schedules.
    public func cancelSchedule(_ idOrName: String) async throws { throw Self.keepsNone }

    private static var keepsNone: CommandError {
        .permanent("NO_SCHEDULES", "this transaction keeps no schedules")
    }
}
