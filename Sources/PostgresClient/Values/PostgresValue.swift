import FoundationEssentials

/// A parameter of a statement; it travels in binary form, apart from the SQL.
package enum PostgresValue: Sendable {
    case null
    case bool(Bool)
    case int4(Int32)
    case int64(Int64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
    case uuid(UUID)
    /// `timestamptz`.
    case timestamp(PostgresTimestamp)
    /// JSON text as `jsonb`; PostgreSQL casts it to `json` where a column wants that.
    case json(String)
    /// The same from UTF-8.
    case jsonBytes([UInt8])
    case array(PostgresArray)

    /// A value or null.
    package static func optional<Wrapped>(_ wrapped: Wrapped?, _ make: (Wrapped) -> PostgresValue) -> PostgresValue {
        wrapped.map(make) ?? .null
    }

    package static func int(_ value: Int) -> PostgresValue { .int64(Int64(value)) }

    /// `text[]`.
    package static func texts(_ values: [String]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func texts(_ values: [String?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `int8[]`.
    package static func int64s(_ values: [Int64]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func int64s(_ values: [Int64?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `int4[]`.
    package static func int4s(_ values: [Int32]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func int4s(_ values: [Int32?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `bool[]`.
    package static func bools(_ values: [Bool]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func bools(_ values: [Bool?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `bytea[]`.
    package static func bytes(_ values: [[UInt8]]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func bytes(_ values: [[UInt8]?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `timestamptz[]`.
    package static func timestamps(_ values: [PostgresTimestamp]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func timestamps(_ values: [PostgresTimestamp?]) -> PostgresValue { .array(PostgresArray(values)) }
    /// `uuid[]`.
    package static func uuids(_ values: [UUID]) -> PostgresValue { .array(PostgresArray(values)) }
    package static func uuids(_ values: [UUID?]) -> PostgresValue { .array(PostgresArray(values)) }

    /// Null has none of its own.
    var type: PostgresType {
        switch self {
        case .null: .inferred
        case .bool: .bool
        case .int4: .int4
        case .int64: .int8
        case .double: .float8
        case .text: .text
        case .bytes: .bytea
        case .uuid: .uuid
        case .timestamp: .timestamptz
        case .json, .jsonBytes: .jsonb
        case .array(let array): array.element.array
        }
    }
}
