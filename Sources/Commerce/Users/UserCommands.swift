import Commands
import JSONCoding

/// Adds a user; a user who was deleted may be added anew.
public struct CreateUser: Command {
    public static let type: CommandType = "user.create"
    public typealias Output = UserReceipt

    public var userId: String
    public var data: [String: JSONValue]
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) { problems.checkText(self.userId, at: "userId") }
}

/// Replaces the named fields of a user's data; null removes one.
public struct UpdateUser: Command {
    public static let type: CommandType = "user.update"
    public typealias Output = UserReceipt

    public var userId: String
    public var data: [String: JSONValue]
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.userId, at: "userId")
        problems.require(!self.data.isEmpty, at: "data", "must name at least one field", code: "required")
    }
}

/// Deletes a user.
public struct DeleteUser: Command {
    public static let type: CommandType = "user.delete"
    public typealias Output = UserReceipt

    public var userId: String
    /// What the sender wants noted with the deletion.
    public var data: [String: JSONValue]
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) { problems.checkText(self.userId, at: "userId") }
}

struct CreateUserHandler: CommandHandler {
    let users: any Repository<User>

    func handle(_ command: CreateUser, context: CommandContext) async throws -> UserReceipt {
        try await self.users.change(command.userId, in: context) { user in
            if let user, !user.isDeleted {
                throw CommandError.rejected("USER_ALREADY_EXISTS", "there is a user of this id")
            }
            let created = User(id: command.userId, data: command.data, version: (user?.version ?? 0) + 1)
            user = created
            return UserReceipt(created, status: "created")
        }
    }
}

struct UpdateUserHandler: CommandHandler {
    let users: any Repository<User>

    func handle(_ command: UpdateUser, context: CommandContext) async throws -> UserReceipt {
        try await self.users.change(command.userId, in: context) { user in
            var updated = try User.known(user)
            updated.update(command.data)
            user = updated
            return UserReceipt(updated, status: "updated")
        }
    }
}

struct DeleteUserHandler: CommandHandler {
    let users: any Repository<User>

    func handle(_ command: DeleteUser, context: CommandContext) async throws -> UserReceipt {
        try await self.users.change(command.userId, in: context) { user in
            var deleted = try User.known(user)
            deleted.delete()
            user = deleted
            return UserReceipt(deleted, status: "deleted")
        }
    }
}

extension User {
    fileprivate static func known(_ user: User?) throws(CommandError) -> User {
        guard let user, !user.isDeleted else {
            throw .rejected("USER_NOT_FOUND", "there is no user of this id")
        }
        return user
    }
}

extension UserReceipt {
    fileprivate init(_ user: User, status: String) {
        self.init(userId: user.id, status: status, version: user.version, data: user.data)
    }
}
