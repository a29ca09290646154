/// A type of PostgreSQL by its object identifier; those below are the same on every server.
package struct PostgresType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The server infers the type from where the parameter stands.
    package static let inferred = PostgresType(rawValue: 0)
    package static let bool = PostgresType(rawValue: 16)
    package static let bytea = PostgresType(rawValue: 17)
    package static let int8 = PostgresType(rawValue: 20)
    package static let int2 = PostgresType(rawValue: 21)
    package static let int4 = PostgresType(rawValue: 23)
    package static let text = PostgresType(rawValue: 25)
    package static let oid = PostgresType(rawValue: 26)
    package static let json = PostgresType(rawValue: 114)
    package static let float4 = PostgresType(rawValue: 700)
    package static let float8 = PostgresType(rawValue: 701)
    package static let timestamp = PostgresType(rawValue: 1114)
    package static let timestamptz = PostgresType(rawValue: 1184)
    package static let numeric = PostgresType(rawValue: 1700)
    package static let uuid = PostgresType(rawValue: 2950)
    package static let jsonb = PostgresType(rawValue: 3802)

    /// The type of arrays of this type.
    var array: PostgresType {
        switch self {
        case .bool: PostgresType(rawValue: 1000)
        case .bytea: PostgresType(rawValue: 1001)
        case .int2: PostgresType(rawValue: 1005)
        case .int4: PostgresType(rawValue: 1007)
        case .text: PostgresType(rawValue: 1009)
        case .int8: PostgresType(rawValue: 1016)
        case .float8: PostgresType(rawValue: 1022)
        case .timestamptz: PostgresType(rawValue: 1185)
        case .uuid: PostgresType(rawValue: 2951)
        case .json: PostgresType(rawValue: 199)
        case .jsonb: PostgresType(rawValue: 3807)
        default: .inferred
        }
    }

    /// Types whose binary form is not their text.
    var isText: Bool {
        switch self {
        case .bool, .bytea, .int8, .int2, .int4, .oid, .float4, .float8, .timestamp, .timestamptz, .numeric, .uuid:
            false
        // Dates, times, intervals, network addresses, arrays and records among the built-in types.
        case PostgresType(rawValue: 1082), PostgresType(rawValue: 1083), PostgresType(rawValue: 1186),
            PostgresType(rawValue: 869), PostgresType(rawValue: 650), PostgresType(rawValue: 2249),
            PostgresType(rawValue: 1000), PostgresType(rawValue: 1001), PostgresType(rawValue: 1005),
            PostgresType(rawValue: 1007), PostgresType(rawValue: 1009), PostgresType(rawValue: 1016),
            PostgresType(rawValue: 1022), PostgresType(rawValue: 1185), PostgresType(rawValue: 2951),
            PostgresType(rawValue: 3807), PostgresType(rawValue: 199):
            false
        default: true
        }
    }
}
