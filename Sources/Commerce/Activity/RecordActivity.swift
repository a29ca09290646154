import Commands
import Foundation
import JSONCoding

/// Notes who changed what, for the shop's own audit trail.
public struct RecordActivity: Command {
    public static let type: CommandType = "audit.record"
    public typealias Output = ActivityReceipt

    public var entityType: String
    public var entityId: String
    public var action: String
    /// An object or a list.
    public var changes: JSONValue
    public var userId: String
    public var ipAddress: String?
    public var userAgent: String?
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.entityType, at: "entityType")
        problems.checkText(self.entityId, at: "entityId")
        problems.checkText(self.action, at: "action")
        switch self.changes {
        case .object, .array: break
        default: problems.add(at: "changes", code: "type", "must be an object or an array")
        }
        problems.checkText(self.userId, at: "userId")
        if let address = self.ipAddress, !Self.isAddress(address) {
            problems.add(at: "ipAddress", code: "format", "must be an IPv4 or IPv6 address")
        }
        problems.checkText(self.userAgent, at: "userAgent", limit: 2000)
    }

    private static func isAddress(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1
    }
}

/// One entry of the audit trail, under the command id of its `audit.record`.
public struct ActivityEntry: Codable, Sendable, Hashable {
    public let id: String
    public let entityType: String
    public let entityId: String
    public let action: String
    public let changes: JSONValue
    public let userId: String
    public let ipAddress: String?
    public let userAgent: String?
    public let metadata: [String: JSONValue]?

    init(id: String, _ command: RecordActivity) {
        self.id = id
        self.entityType = command.entityType
        self.entityId = command.entityId
        self.action = command.action
        self.changes = command.changes
        self.userId = command.userId
        self.ipAddress = command.ipAddress
        self.userAgent = command.userAgent
        self.metadata = command.metadata
    }
}

public struct ActivityReceipt: Codable, Sendable, Hashable {
    /// The command id.
    public var entryId: String
    public var entityType: String
    public var entityId: String
    public var status: String
}

struct RecordActivityHandler: CommandHandler {
    let activity: any Repository<ActivityEntry>

    func handle(_ command: RecordActivity, context: CommandContext) async throws -> ActivityReceipt {
        let id = context.commandID
        return try await self.activity.change(id, in: context) { entry in
            entry = ActivityEntry(id: id, command)
            return ActivityReceipt(
                entryId: id, entityType: command.entityType, entityId: command.entityId, status: "recorded")
        }
    }
}
