import Commands
import JSONCoding

/// A user of the shop; a deleted one keeps its data, so that the deletion can be undone.
public struct User: Codable, Sendable, Hashable {
    public let id: String
    public private(set) var data: [String: JSONValue]
    /// Counted from 1, one up with every change.
    public private(set) var version: Int
    public private(set) var isDeleted: Bool

    init(id: String, data: [String: JSONValue], version: Int = 1) {
        self.id = id
        self.data = data
        self.version = version
        self.isDeleted = false
    }

    /// Replaces the fields that are named; null removes one.
    mutating func update(_ data: [String: JSONValue]) {
        self.data.merge(data) { $1 }
        // A literal nil would be JSON's null here, and stay as a value.
        for (name, value) in data where value == .null { self.data.removeValue(forKey: name) }
        self.version += 1
    }

    mutating func delete() {
        self.isDeleted = true
        self.version += 1
    }
}

public struct UserReceipt: Codable, Sendable, Hashable {
    public var userId: String
    public var status: String
    public var version: Int
    /// The user's data after the command; what they were for a deletion.
    public var data: [String: JSONValue]
}
