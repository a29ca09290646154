import CLibPQ

/// The codes of error fields are macros of characters, which Swift does not import as numbers.
private enum Field {
    static let severity = field("V")
    static let sqlState = field("C")
    static let primary = field("M")
    static let position = field("P")
    static let schema = field("s")
    static let table = field("t")
    static let column = field("c")
    static let constraint = field("n")
    static let function = field("R")

    private static func field(_ letter: Unicode.Scalar) -> Int32 { Int32(letter.value) }
}

/// What the server said in an error or a notice.
struct ServerMessage {
    var severity: String
    var sqlState: SQLState?
    /// Without values.
    var text: String
    var schema: String?
    var table: String?
    var column: String?
    var constraint: String?
    /// A plan that a change of the schema made useless; the next use prepares it again.
    var isStalePlan: Bool

    init(_ result: OpaquePointer) {
        func text(_ field: Int32) -> String? { PQresultErrorField(result, field).map { String(cString: $0) } }
        self.severity = text(Field.severity) ?? "ERROR"
        self.sqlState = text(Field.sqlState).map(SQLState.init(rawValue:))
        self.schema = text(Field.schema)
        self.table = text(Field.table)
        self.column = text(Field.column)
        self.constraint = text(Field.constraint)
        self.isStalePlan = self.sqlState == .featureNotSupported && text(Field.function) == "RevalidateCachedQuery"
        guard let sqlState else {
            self.text = "the server refused a statement"
            return
        }
        if sqlState.hasSafeMessage, let primary = text(Field.primary) {
            self.text = primary
        } else {
            self.text = sqlState.summary
            if let position = text(Field.position) { self.text += " at character \(position)" }
        }
        if let table {
            self.text += " (table \(schema.map { $0 + "." } ?? "")\(table)"
            if let constraint { self.text += ", constraint \(constraint)" }
            if let column { self.text += ", column \(column)" }
            self.text += ")"
        }
    }

    /// The server ends the connection after it.
    var endsConnection: Bool { self.severity == "FATAL" || self.severity == "PANIC" }

    var error: PostgresError {
        var kind = self.sqlState?.kind(constraint: self.constraint) ?? .reconnect
        if self.isStalePlan { kind = .retry }
        var error = PostgresError(code: .server, kind: kind, message: self.text, sqlState: self.sqlState)
        error.schema = self.schema
        error.table = self.table
        error.column = self.column
        error.constraint = self.constraint
        return error
    }
}

extension PostgresError {
    /// From what libpq says when it could not connect: names of hosts and users, but no secret.
    ///
    /// - Parameter text: With verbose errors, "FATAL:  28P01: password authentication failed …".
    static func connecting(_ text: String) -> PostgresError {
        var state: SQLState?
        let lines = text.split(separator: "\n")
        var message = lines.first.map(String.init) ?? "no answer"
        for line in lines {
            // Every code has a digit; what stands before it, "FATAL", has none, in whatever language.
            let found = line.matches(of: #/([0-9A-Z]{5}): /#).first { $0.1.contains(where: \.isNumber) }
            guard let match = found else { continue }
            state = SQLState(rawValue: String(match.1))
            message = String(line.replacing("\(match.1): ", with: "", maxReplacements: 1))
            break
        }
        // Without a code it is the network's: refused, reset, no such host.
        var kind = state?.kind(constraint: nil) ?? .reconnect
        if state == nil, text.contains("certificate") || text.contains("no password supplied") { kind = .fatal }
        return PostgresError(
            code: .connectFailed, kind: kind, message: "cannot connect to the database: \(message)", sqlState: state)
    }
}
