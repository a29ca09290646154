/// What became of a batch of commands.
public struct BatchSummary: Sendable, Hashable {
    public var id: String
    public var name: String
    public var domain: Domain
    public var total: Int
    public var succeeded: Int
    /// By class; classes that did not occur are left out.
    public var failed: [FailureClass: Int]
    public var cancelled: Int
    /// Of those that failed.
    public var deadLettered: Int
    /// Whether the batch itself was cancelled.
    public var isCancelled: Bool

    package init(
        id: String, name: String, domain: Domain, total: Int, succeeded: Int, failed: [FailureClass: Int],
        cancelled: Int, deadLettered: Int, isCancelled: Bool
    ) {
        self.id = id
        self.name = name
        self.domain = domain
        self.total = total
        self.succeeded = succeeded
        self.failed = failed
        self.cancelled = cancelled
        self.deadLettered = deadLettered
        self.isCancelled = isCancelled
    }
}
