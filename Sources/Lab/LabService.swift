import Commands

/// The load lab: one handler that does as it is told, for tests and load.
public struct LabService: CommandService {
    private let handler: LabHandler

    public init() { self.init(handler: LabHandler()) }

    public init(handler: LabHandler) { self.handler = handler }

    public var domain: Domain { "lab" }

    public func register(in handlers: inout Handlers) { handlers.on(self.handler) }
}
