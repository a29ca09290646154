/// How many commands of one type may run at once, how fast, and what happens when their world is down.
public struct CommandLimits: Sendable, Hashable {
    /// So many in so long a time; a burst of up to `count` is let through at once.
    public struct Rate: Sendable, Hashable {
        public var count: Int
        public var interval: Duration

        public init(_ count: Int, per interval: Duration = .seconds(1)) {
            self.count = max(1, count)
            self.interval = interval
        }

        /// Reads `100/s`, `60/m`, `5/10s`.
        public init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 2, let count = Int(parts[0]), count > 0 else { return nil }
            let unit = String(parts[1])
            let spelt = unit.first.map { $0.isNumber } == true ? unit : "1\(unit)"
            guard let interval = DurationText.duration(spelt), interval > .zero else { return nil }
            self.init(count, per: interval)
        }

        /// As the initialiser reads it, in the shortest way.
        package var text: String {
            var interval = DurationText.text(milliseconds: self.interval.wholeMilliseconds)
            // One of a unit is the unit alone.
            if interval.hasPrefix("1"), !interval.dropFirst().contains(where: \.isNumber) { interval.removeFirst() }
            return "\(self.count)/\(interval)"
        }
    }

    /// Handlers of the type running at once in one worker; nil for the worker's own limit.
    public var concurrency: Int?
    /// Starts of attempts, in one worker.
    public var rate: Rate?
    /// Starts of attempts for each `tenant`, in one worker.
    public var tenantRate: Rate?
    /// Outage mode, the handler's circuit breaker: after so many transient failures in a row one command at a time is
    /// tried, and nothing else runs, until one does not fail so. Those attempts do not count. Nil for never.
    public var outageAfter: Int?
    /// The pause before the first probe of an outage; it doubles from probe to probe, up to thirty times as long.
    public var outageProbe: Duration = .seconds(1)

    public init(
        concurrency: Int? = nil, rate: Rate? = nil, tenantRate: Rate? = nil, outageAfter: Int? = nil,
        outageProbe: Duration = .seconds(1)
    ) {
        self.concurrency = concurrency
        self.rate = rate
        self.tenantRate = tenantRate
        self.outageAfter = outageAfter
        self.outageProbe = outageProbe
    }

    /// No limit but the worker's.
    public static let none = CommandLimits()

    package var isNone: Bool { self == CommandLimits(outageProbe: self.outageProbe) }
}
