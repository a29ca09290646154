import Commands
import JSONCoding

/// Sends a message to a user.
public struct SendNotification: Command {
    public static let type: CommandType = "notification.send"
    public typealias Output = NotificationReceipt

    public enum Channel: String, Codable, Sendable, CaseIterable {
        case email, sms, push
    }

    public var userId: String
    public var channel: Channel
    public var kind: String
    public var title: String
    public var message: String
    /// A word such as `high`, or a whole number.
    public var priority: JSONValue
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.userId, at: "userId")
        problems.checkText(self.kind, at: "kind")
        problems.checkText(self.title, at: "title", limit: 500)
        problems.checkText(self.message, at: "message", limit: 100_000)
        problems.checkLevel(self.priority, at: "priority")
    }
}

/// A message on its way, under the command id of its `notification.send`.
public struct Notification: Codable, Sendable, Hashable {
    public let id: String
    public let userId: String
    public let channel: SendNotification.Channel
    public let kind: String
    public let title: String
    public let message: String
    public let priority: JSONValue
    public let metadata: [String: JSONValue]?
}

public struct NotificationReceipt: Codable, Sendable, Hashable {
    /// The command id.
    public var notificationId: String
    public var userId: String
    public var channel: SendNotification.Channel
    public var status: String
}

struct SendNotificationHandler: CommandHandler {
    let notifications: any Repository<Notification>

    func handle(_ command: SendNotification, context: CommandContext) async throws -> NotificationReceipt {
        let id = context.commandID
        return try await self.notifications.change(id, in: context) { notification in
            notification = Notification(
                id: id, userId: command.userId, channel: command.channel, kind: command.kind, title: command.title,
                message: command.message, priority: command.priority, metadata: command.metadata)
            return NotificationReceipt(
                notificationId: id, userId: command.userId, channel: command.channel, status: "sent")
        }
    }
}
