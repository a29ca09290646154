/// A five-character error code of PostgreSQL (appendix A of its manual).
package struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package var description: String { self.rawValue }

    /// The first two characters.
    package var category: String { String(self.rawValue.prefix(2)) }

    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let foreignKeyViolation = SQLState(rawValue: "23503")
    package static let notNullViolation = SQLState(rawValue: "23502")
    package static let checkViolation = SQLState(rawValue: "23514")
    package static let exclusionViolation = SQLState(rawValue: "23P01")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")
    package static let adminShutdown = SQLState(rawValue: "57P01")
    package static let crashShutdown = SQLState(rawValue: "57P02")
    package static let cannotConnectNow = SQLState(rawValue: "57P03")
    package static let idleInTransactionTimeout = SQLState(rawValue: "25P03")
    package static let inFailedTransaction = SQLState(rawValue: "25P02")
    package static let readOnlyTransaction = SQLState(rawValue: "25006")
    package static let diskFull = SQLState(rawValue: "53100")
    package static let tooManyConnections = SQLState(rawValue: "53300")
    package static let syntaxError = SQLState(rawValue: "42601")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let unknownStatementName = SQLState(rawValue: "26000")
    package static let featureNotSupported = SQLState(rawValue: "0A000")

    /// What a caller can do about it.
    func kind(constraint: String?) -> PostgresError.Kind {
        switch self {
        case .lockNotAvailable, .unknownStatementName: return .retry
        case .queryCanceled: return .timeout
        case .idleInTransactionTimeout, .readOnlyTransaction: return .reconnect
        default: break
        }
        switch self.category {
        case "23": return .constraint(constraint ?? "")
        case "40": return .retry
        case "08": return .reconnect
        case "57": return .reconnect
        case "53", "58": return .resources
        default: return .fatal
        }
    }

    /// What the server says in such a case contains no value: names of things at most.
    var hasSafeMessage: Bool {
        if self == .syntaxError { return false }
        return ["08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57"].contains(self.category)
    }

    /// A few words for those whose own message is not shown.
    var summary: String {
        switch self {
        case .uniqueViolation: return "a unique constraint is violated"
        case .foreignKeyViolation: return "a foreign key is violated"
        case .notNullViolation: return "a column must not be null"
        case .checkViolation: return "a check constraint is violated"
        case .exclusionViolation: return "an exclusion constraint is violated"
        case .syntaxError: return "syntax error in a statement"
        default: break
        }
        switch self.category {
        case "22": return "a value is not valid for its type or out of range"
        case "23": return "a constraint is violated"
        case "P0": return "a function of the database raised an error"
        case "54": return "a limit of the server is exceeded"
        case "58": return "the server met an error of its system"
        case "XX": return "the server met an internal error"
        default: return "the server refused a statement"
        }
    }
}
