/// How a transaction sees others (chapter 13.2 of PostgreSQL's manual).
package enum PostgresIsolation: String, Sendable, CaseIterable {
    case readCommitted = "read-committed"
    case repeatableRead = "repeatable-read"
    case serializable

    var begin: PostgresStatement {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}
