/// An error of the PostgreSQL client or of the server.
///
/// Neither the description nor any other text of it contains SQL or values.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    /// Where the error comes from.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        /// The server refused a statement; see ``PostgresError/sqlState``.
        package static let server = Code(rawValue: "server")
        package static let connectFailed = Code(rawValue: "connect-failed")
        package static let connectionLost = Code(rawValue: "connection-lost")
        /// The connection was closed by this side.
        package static let closed = Code(rawValue: "closed")
        /// The connection went away between COMMIT and its answer.
        package static let commitUnknown = Code(rawValue: "commit-unknown")
        /// COMMIT answered ROLLBACK: a statement had failed before.
        package static let rolledBack = Code(rawValue: "rolled-back")
        /// No connection of the pool became free in time.
        package static let poolTimeout = Code(rawValue: "pool-timeout")
        package static let poolClosed = Code(rawValue: "pool-closed")
        package static let configuration = Code(rawValue: "configuration")
        /// A value could not be read as the type asked for.
        package static let decoding = Code(rawValue: "decoding")
        /// The client was used in a way that it is not made for.
        package static let usage = Code(rawValue: "usage")
        package static let migration = Code(rawValue: "migration")
    }

    /// What a caller can do about it.
    package enum Kind: Hashable, Sendable {
        /// The same transaction may succeed when it is run again: serialization failure, deadlock, lock not available.
        case retry
        /// The connection is gone; what was not committed is undone. Run again on another one.
        case reconnect
        /// A statement or a wait took too long.
        case timeout
        /// The server lacks something for now: connections, memory, disk.
        case resources
        /// A constraint was violated.
        case constraint(String)
        /// Nobody knows whether the transaction is committed: look before doing it again.
        case unknownCommit
        /// Trying again does not help.
        case fatal
    }

    package var code: Code
    package var kind: Kind
    /// What was being done and what went wrong, without SQL text and values.
    package var message: String
    /// Five characters, from the server.
    package var sqlState: SQLState?
    package var schema: String?
    package var table: String?
    package var column: String?
    package var constraint: String?
    /// Which statement of those sent together failed, from 0.
    package var statementIndex: Int?
    /// It was sent outside a transaction and not answered: it may have taken effect all the same.
    package var mayHaveTakenEffect = false

    package init(code: Code, kind: Kind, message: String, sqlState: SQLState? = nil) {
        self.code = code
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
    }

    /// Trying the whole transaction again later may help, and it is certain that it did not take effect.
    package var isTransient: Bool {
        switch self.kind {
        case .retry, .reconnect, .timeout, .resources: !self.mayHaveTakenEffect
        case .constraint, .unknownCommit, .fatal: false
        }
    }

    package var description: String {
        var text = self.message
        if let sqlState { text += " (SQLSTATE \(sqlState.rawValue))" }
        return text
    }
}
