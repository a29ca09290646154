import Commands
import JSONCoding

/// Sets up a resource, a database or a bucket for example.
public struct ProvisionResource: Command {
    public static let type: CommandType = "resource.provision"
    public typealias Output = ResourceReceipt

    public var resourceId: String
    public var kind: String
    /// A word such as `large`, or a whole number.
    public var size: JSONValue
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.resourceId, at: "resourceId")
        problems.checkText(self.kind, at: "kind")
        problems.checkLevel(self.size, at: "size")
    }
}

public struct Resource: Codable, Sendable, Hashable {
    public let id: String
    public let kind: String
    public let size: JSONValue
    public let metadata: [String: JSONValue]?
}

public struct ResourceReceipt: Codable, Sendable, Hashable {
    public var resourceId: String
    public var kind: String
    public var size: JSONValue
    public var status: String
}

struct ProvisionResourceHandler: CommandHandler {
    let resources: any Repository<Resource>

    func handle(_ command: ProvisionResource, context: CommandContext) async throws -> ResourceReceipt {
        try await self.resources.change(command.resourceId, in: context) { resource in
            guard resource == nil else {
                throw CommandError.rejected("RESOURCE_ALREADY_PROVISIONED", "there is a resource of this id")
            }
            resource = Resource(
                id: command.resourceId, kind: command.kind, size: command.size, metadata: command.metadata)
            return ResourceReceipt(
                resourceId: command.resourceId, kind: command.kind, size: command.size, status: "provisioned")
        }
    }
}
