/// How a command that did not succeed ended.
public enum FailureClass: String, Sendable, Codable, CaseIterable {
    /// Another attempt may succeed: retried by policy.
    case transient
    /// Another attempt is useless: failure event and dead letter.
    case permanent
    /// A business rule said no: failure event.
    case rejected
    /// The data failed validation: failure event with every problem.
    case invalid
    /// `expirytime` had passed before the first attempt: failure event.
    case expired
    /// Cancelled before it ran: failure event.
    case cancelled
    /// No handler for the type: failure event and dead letter.
    case unhandled
    /// No readable command: dead letter with the bytes untouched.
    case poison
    /// A transient failure whose attempts are used up: failure event and dead letter.
    case exhausted

    /// Whether a command that ends so is parked on the dead-letter topic.
    public var isDeadLettered: Bool {
        switch self {
        case .permanent, .unhandled, .poison, .exhausted: true
        case .transient, .rejected, .invalid, .expired, .cancelled: false
        }
    }
}

/// What a handler throws to say how its command failed.
///
/// Any other error counts as transient. Codes and messages reach events, logs and operators: keep data out of them.
public struct CommandError: Error, Sendable, CustomStringConvertible {
    public var failureClass: FailureClass
    /// A short word for programs, for example `DECLINED`.
    public var code: String
    /// A sentence for people.
    public var message: String
    /// Overrides the policy's next delay of a transient failure.
    public var retryAfter: Duration?
    /// The problems of an `invalid` failure.
    public var problems: [Problem]

    package init(
        _ failureClass: FailureClass, code: String, message: String, retryAfter: Duration? = nil,
        problems: [Problem] = []
    ) {
        self.failureClass = failureClass
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
        self.problems = problems
    }

    /// Another attempt may succeed; the policy says when, unless `retryAfter` does.
    public static func transient(_ code: String, _ message: String = "", retryAfter: Duration? = nil) -> CommandError {
        CommandError(.transient, code: code, message: message, retryAfter: retryAfter)
    }

    /// Another attempt is useless: an operator must look.
    public static func permanent(_ code: String, _ message: String = "") -> CommandError {
        CommandError(.permanent, code: code, message: message)
    }

    /// A business rule says no: the sender is told, nobody else need look.
    public static func rejected(_ code: String, _ message: String = "") -> CommandError {
        CommandError(.rejected, code: code, message: message)
    }

    /// The data is wrong in a way that only the handler could find out.
    public static func invalid(_ problems: [Problem]) -> CommandError {
        CommandError(
            .invalid, code: "INVALID",
            message: problems.count == 1 ? "the data has 1 problem" : "the data has \(problems.count) problems",
            problems: problems)
    }

    public var description: String {
        self.message.isEmpty
            ? "\(self.failureClass.rawValue) \(self.code)"
            : "\(self.failureClass.rawValue) \(self.code): \(self.message)"
    }
}
