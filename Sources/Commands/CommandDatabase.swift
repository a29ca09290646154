/// The database behind a command: what a handler writes there and the command's outcome stand or fall together.
public protocol CommandDatabase: Sendable {
    /// Runs the body in the command's transaction; at most once in an attempt.
    func transaction(_ body: @escaping @Sendable (any CommandTransaction) async throws -> Void) async throws
}

/// A transaction that ends with the command: committed with its success, rolled back with anything else.
public protocol CommandTransaction: Sendable {
    /// Runs one statement.
    ///
    /// - Parameters:
    ///   - sql: The statement, with `$1`, `$2`, … in the places of the values.
    ///   - parameters: The values, which never become part of the SQL.
    /// - Returns: The rows. Columns of types beside text, integers, `double precision`, `boolean`, `bytea`, `uuid`,
    ///   `timestamptz`, `json` and `jsonb` are to be cast, `numeric` to text for instance.
    @discardableResult
    func query(_ sql: SQL, _ parameters: [SQLValue]) async throws -> [SQLRow]

    /// Sends a record once the transaction is committed, by way of the outbox: in order with others of its topic and key.
    func emit(_ record: OutboxRecord) async throws

    /// Has a command sent later, once the transaction is committed.
    ///
    /// - Returns: The schedule's id.
    /// - Throws: ``CommandError`` of the class `permanent` when the request makes no sense or its name is taken;
    ///   ``DatabaseError``.
    func schedule(_ request: ScheduleRequest) async throws -> String

    /// Ends a schedule, named by its id or its name.
    ///
    /// - Throws: ``CommandError`` of the class `permanent` when there is none, or it has fired its only time.
    func cancelSchedule(_ idOrName: String) async throws
}

extension CommandTransaction {
    @discardableResult
    public func query(_ sql: SQL) async throws -> [SQLRow] { try await self.query(sql, []) }
}

/// A record on its way to Kafka by the outbox.
public struct OutboxRecord: Sendable {
    public var topic: String
    public var key: String?
    public var value: [UInt8]
    public var headers: [(name: String, value: String)]

    public init(topic: String, key: String?, value: [UInt8], headers: [(name: String, value: String)]) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// The text of a statement: a literal, so that no value gets into it by mistake.
public struct SQL: Sendable, Hashable, ExpressibleByStringLiteral {
    public let text: StaticText

    public init(stringLiteral text: StaticString) { self.text = StaticText(text) }

    /// A static string that can be compared and hashed.
    public struct StaticText: Sendable, Hashable, CustomStringConvertible {
        public let description: String
        init(_ text: StaticString) { self.description = "\(text)" }
    }
}

/// A value in the database or on its way there.
public enum SQLValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
    /// JSON text.
    case json(String)
    /// Microseconds since 1970, UTC.
    case timestamp(Int64)

    public static func text(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }

    public var text: String? {
        switch self {
        case .text(let value), .json(let value): value
        default: nil
        }
    }

    public var int: Int64? { if case .int(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var double: Double? { if case .double(let value) = self { value } else { nil } }
    public var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
}

/// One row of an answer.
public struct SQLRow: Sendable {
    public let columns: [String]
    public let values: [SQLValue]

    package init(columns: [String], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of a column; null when there is none of that name.
    public subscript(_ column: String) -> SQLValue {
        self.columns.firstIndex(of: column).map { self.values[$0] } ?? .null
    }
}

extension CommandContext {
    /// Whether the worker has a database.
    public var hasDatabase: Bool { self.database != nil }

    /// Runs the body in the command's transaction: what it writes is committed together with the command's success and
    /// its events, and undone when the handler throws.
    ///
    /// At most one in an attempt. The transaction is shared with other commands and held open until the handler returns:
    /// do what is slow before it, and nothing but return after it.
    ///
    /// - Throws: What the body throws; ``CommandError`` of the class `transient` when the database fails, of the class
    ///   `permanent` with the code `NO_DATABASE` when the worker has none.
    @discardableResult
    public func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (_ transaction: any CommandTransaction) async throws -> Result
    ) async throws -> Result {
        guard let database = self.database else {
            throw CommandError.permanent(
                "NO_DATABASE", "the handler needs a database; start the worker with --database-url")
        }
        let box = ResultBox<Result>()
        try await database.transaction { transaction in box.value = try await body(transaction) }
        return box.value!
    }
}

/// `@unchecked Sendable`: written by the body, read after the body has returned.
private final class ResultBox<Value>: @unchecked Sendable {
    var value: Value?
}
