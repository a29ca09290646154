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
}
