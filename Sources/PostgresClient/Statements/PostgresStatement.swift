/// The SQL of one statement, without any value in it: values go beside it as `$1`, `$2`, ….
///
/// It is a literal, and interpolation does not compile, so that no value gets into it by mistake.
package struct PostgresStatement: Sendable, Hashable, ExpressibleByStringLiteral {
    package let text: String
    /// Prepared on its first use on a connection, and kept. Not for texts of which there are many.
    package let isPrepared: Bool

    package init(stringLiteral text: StaticString) {
        self.text = text.withUTF8Buffer { String(decoding: $0, as: UTF8.self) }
        self.isPrepared = true
    }

    /// A statement that was put together, of trusted parts only.
    package init(trusted text: String, isPrepared: Bool = true) {
        self.text = text
        self.isPrepared = isPrepared
    }
}

/// A statement with its parameters.
package struct PostgresCall: Sendable {
    package var statement: PostgresStatement
    package var parameters: [PostgresValue]

    package init(_ statement: PostgresStatement, _ parameters: [PostgresValue] = []) {
        self.statement = statement
        self.parameters = parameters
    }
}
