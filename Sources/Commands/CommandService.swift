/// A service: its domain and its handlers.
///
/// `import Adjutant` adds `main()`, so that a type marked `@main` is a program with the whole tool: `worker`, `send`,
/// `topics` and the rest.
public protocol CommandService: Sendable {
    init()

    /// The family of commands that the service handles.
    var domain: Domain { get }

    /// Adds a handler for each command type.
    func register(in handlers: inout Handlers)

    /// Is called when all commands of a batch of this domain have ended, in the worker that found out; needs a database.
    ///
    /// At most once for each batch: a worker that dies just then has not called it. What must not be missed follows the
    /// event `adjutant.batch.completed` on the domain's results topic.
    func batchCompleted(_ batch: BatchSummary) async
}

extension CommandService {
    /// Does nothing.
    public func batchCompleted(_ batch: BatchSummary) async {}
}
