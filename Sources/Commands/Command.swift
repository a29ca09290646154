/// A request to do something, as its handler sees it: the decoded data of one record.
///
/// Conform a struct, name its type, and validate in ``validate(_:)`` what decoding cannot know:
///
/// ```swift
/// struct ProcessPayment: Command {
///     static let type: CommandType = "payment.process"
///     typealias Output = Receipt
///     var amount: Decimal
///
///     func validate(_ problems: inout Problems) {
///         problems.require(amount > 0, at: \.amount, "must be positive")
///     }
/// }
/// ```
public protocol Command: Decodable, Sendable {
    /// What a success returns; encoded as JSON into the result event.
    associatedtype Output: Encodable & Sendable = NoOutput

    static var type: CommandType { get }

    /// Adds every problem of the data, each with its path; a command with problems ends as `invalid` without running.
    func validate(_ problems: inout ProblemCollector<Self>)
}

extension Command {
    public typealias Problems = ProblemCollector<Self>

    public func validate(_ problems: inout ProblemCollector<Self>) {}
}

/// The output of commands that return nothing: an empty JSON object.
public struct NoOutput: Codable, Sendable, Hashable {
    public init() {}
}

/// The code for one command type, for handlers with dependencies of their own; a closure does as well.
public protocol CommandHandler: Sendable {
    associatedtype Handled: Command

    func handle(_ command: Handled, context: CommandContext) async throws -> Handled.Output
}
