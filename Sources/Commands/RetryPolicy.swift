/// How often and how far apart a command of one type is tried.
public struct RetryPolicy: Sendable, Hashable {
    /// The pauses between attempts.
    public enum Delays: Sendable, Hashable {
        /// One delay after each failed attempt; the last repeats.
        case fixed([Duration])
        /// `first · factor^(n-1)`, at most `limit`, spread by `jitter` (a fraction: 0.2 is ±20 %).
        case exponential(first: Duration, factor: Double, limit: Duration, jitter: Double)
    }

    /// Attempts in all, the first included; at least 1.
    public var attempts: Int
    public var delays: Delays

    public init(attempts: Int, delays: Delays) {
        self.attempts = max(1, attempts)
        self.delays = delays
    }

    /// Three attempts, 5 s and 1 min apart (10 min from then on).
    public static let standard = RetryPolicy(
        attempts: 3, delays: .fixed([.seconds(5), .seconds(60), .seconds(600)]))

    /// One attempt.
    public static let never = RetryPolicy(attempts: 1, delays: .fixed([]))

    /// `attempts` tries with the given delays; the last delay repeats.
    public static func fixed(_ delays: Duration..., attempts: Int = 3) -> RetryPolicy {
        RetryPolicy(attempts: attempts, delays: .fixed(delays))
    }

    /// Growing delays with jitter.
    public static func exponential(
        from first: Duration, factor: Double = 2, limit: Duration = .seconds(600), jitter: Double = 0.2,
        attempts: Int = 3
    ) -> RetryPolicy {
        RetryPolicy(
            attempts: attempts, delays: .exponential(first: first, factor: factor, limit: limit, jitter: jitter))
    }

    /// The pause after the given attempt (counted from 1), in milliseconds.
    ///
    /// - Parameter unit: A random number in 0..<1, for the jitter.
    public func delayMilliseconds(afterAttempt attempt: Int, unit: Double) -> Int64 {
        switch self.delays {
        case .fixed(let list):
            guard !list.isEmpty else { return 0 }
            return list[min(max(attempt, 1), list.count) - 1].wholeMilliseconds
        case .exponential(let first, let factor, let limit, let jitter):
            var delay = Double(first.wholeMilliseconds)
            let cap = Double(limit.wholeMilliseconds)
            for _ in 1..<max(attempt, 1) where delay < cap { delay *= factor }
            delay = min(delay, cap)
            let spread = delay * (1 + jitter * (2 * unit - 1))
            // Factors and jitters that are no numbers make no delays: the limit is as good as any.
            return spread.isFinite && spread < Double(Int64.max / 4096) ? max(0, Int64(spread)) : Int64(cap)
        }
    }
}

/// Which commands of a type may not overlap.
public enum Ordering: String, Sendable, Codable, CaseIterable {
    /// Commands with the same ordering key run one at a time, in offset order.
    case key
    /// Commands of one partition run one at a time, in offset order.
    case partition
    /// No order.
    case none
}

/// All that the processor needs to know about one command type besides its code.
public struct CommandPolicy: Sendable {
    public var retry: RetryPolicy
    /// How long one attempt may run.
    public var timeout: Duration
    public var ordering: Ordering
    /// Whether later commands of a key wait while an earlier one waits for its retry.
    public var strictOrder: Bool
    public var limits: CommandLimits

    public init(
        retry: RetryPolicy = .standard, timeout: Duration = .seconds(30), ordering: Ordering = .key,
        strictOrder: Bool = false, limits: CommandLimits = .none
    ) {
        self.retry = retry
        self.timeout = timeout
        self.ordering = ordering
        self.strictOrder = strictOrder
        self.limits = limits
    }
}
