/// A statement failed.
public struct DatabaseError: Error, Sendable, CustomStringConvertible {
    /// What was being done and what went wrong, without SQL text and values.
    public var message: String
    /// The server's five characters.
    public var sqlState: String?
    /// The constraint that was violated.
    public var constraint: String?
    /// The database's trouble, not the command's: the whole command is run again, and the attempt does not count.
    public var isTransient: Bool

    public init(message: String, sqlState: String?, constraint: String?, isTransient: Bool) {
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
        self.isTransient = isTransient
    }

    public var description: String { self.sqlState.map { "\(self.message) (SQLSTATE \($0))" } ?? self.message }
}
