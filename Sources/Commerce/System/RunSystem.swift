import Commands
import JSONCoding

/// Answers, to show that the service is there; changes nothing.
public struct RunSystem: Command {
    public static let type: CommandType = "system.run"
    public typealias Output = SystemReceipt

    public enum Action: String, Codable, Sendable, CaseIterable {
        case ping, echo
    }

    public var action: Action
    /// Any JSON; `echo` returns it.
    public var parameters: JSONValue
    public var metadata: [String: JSONValue]?
}

public struct SystemReceipt: Codable, Sendable, Hashable {
    public var action: RunSystem.Action
    /// `pong`, or the command's parameters.
    public var result: JSONValue
}

struct RunSystemHandler: CommandHandler {
    func handle(_ command: RunSystem, context: CommandContext) async throws -> SystemReceipt {
        switch command.action {
        case .ping: SystemReceipt(action: .ping, result: "pong")
        case .echo: SystemReceipt(action: .echo, result: command.parameters)
        }
    }
}
