/// The name under which a handler is registered: `<family>.<action>`, for example `payment.process`.
public struct CommandType: Hashable, Sendable, Codable, RawRepresentable, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { self.rawValue = value }

    public init(from decoder: any Decoder) throws {
        self.rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    public var description: String { self.rawValue }
}

/// A family of commands with its own topics, for example `commerce`.
public struct Domain: Hashable, Sendable, RawRepresentable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { self.rawValue = value }

    public var description: String { self.rawValue }

    public var commandsTopic: String { "\(self.rawValue).commands" }
    public var resultsTopic: String { "\(self.rawValue).results" }
    public var failuresTopic: String { "\(self.rawValue).failures" }
    public var auditTopic: String { "\(self.rawValue).audit" }
    public var deadLetterTopic: String { "\(self.rawValue).dlt" }
    /// What was done about dead letters: replay jobs, and letters discarded, resolved or restored.
    public var deadLetterJobsTopic: String { "\(self.rawValue).dlt.jobs" }
    /// Copies of dead letters that were replayed too often.
    public var parkedLettersTopic: String { "\(self.rawValue).dlt.parked" }

    /// The topic of one retry tier, for example `commerce.retry.5s`.
    public func retryTopic(_ tier: RetryTier) -> String { "\(self.rawValue).retry.\(tier.name)" }
}

/// One retry topic's delay, named in the largest whole unit: `500ms`, `5s`, `1m`, `2h`.
public struct RetryTier: Hashable, Sendable, Comparable {
    /// Milliseconds.
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Reads `500ms`, `5s`, `10m`, `2h`; nil for anything else.
    public init?(name: some StringProtocol) {
        guard let value = DurationText.milliseconds(String(name)), value > 0 else { return nil }
        self.milliseconds = value
    }

    public var name: String { DurationText.text(milliseconds: self.milliseconds) }

    public static func < (left: RetryTier, right: RetryTier) -> Bool { left.milliseconds < right.milliseconds }
}

/// Durations as people write them in settings: `250ms`, `5s`, `1m`, `2h`, `7d`.
public enum DurationText {
    /// Milliseconds, or nil when the text is no duration.
    public static func milliseconds(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let value = Int64(digits), !digits.isEmpty else { return nil }
        let factor: Int64
        switch text.dropFirst(digits.count) {
        case "ms": factor = 1
        case "s": factor = 1000
        case "m": factor = 60_000
        case "h": factor = 3_600_000
        case "d": factor = 86_400_000
        default: return nil
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: factor)
        return overflow ? nil : result
    }

    public static func duration(_ text: String) -> Duration? { self.milliseconds(text).map { .milliseconds($0) } }

    /// The shortest whole-unit spelling.
    public static func text(milliseconds value: Int64) -> String {
        for (unit, factor) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1000)]
        where value >= factor && value % factor == 0 {
            return "\(value / factor)\(unit)"
        }
        return "\(value)ms"
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero; at most 70,000 years either way, so that sums with a time cannot
    /// overflow.
    public var wholeMilliseconds: Int64 { self.wholeMicroseconds / 1000 }

    /// Whole microseconds, rounded towards zero; at most 70,000 years either way.
    public var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let limit: Int64 = 2_200_000_000_000
        return min(max(seconds, -limit), limit) * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
