/// What a statement returned. Values are decoded when they are asked for.
package struct PostgresRows: Sendable, RandomAccessCollection {
    let result: PostgresResult

    package var startIndex: Int { 0 }
    package var endIndex: Int { self.result.rows }
    package subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < self.result.rows)
        return PostgresRow(result: self.result, row: row)
    }

    /// How many rows an INSERT, UPDATE, DELETE, SELECT or COPY touched.
    package var affected: Int { self.result.affected }
    package var columnNames: [String] { (0..<self.result.columns).map(self.result.name) }

    /// The only row.
    ///
    /// - Throws: When there is none, or more than one.
    package var only: PostgresRow {
        get throws(PostgresError) {
            guard self.count == 1 else {
                throw PostgresError(code: .decoding, kind: .fatal, message: "\(self.count) rows where one was expected")
            }
            return self[0]
        }
    }
}

/// One row of a result.
package struct PostgresRow: Sendable {
    let result: PostgresResult
    let row: Int

    /// A value by its column's place, from 0.
    ///
    /// - Throws: ``PostgresError`` when the column's type is another, or the value null and the type not optional.
    package func get<Value: PostgresDecodable>(
        _ column: Int, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard column >= 0, column < self.result.columns else {
            throw PostgresError(
                code: .decoding, kind: .fatal,
                message: "column \(column) was asked for, and there are \(self.result.columns)")
        }
        do {
            return try self.result.withValue(row: self.row, column: column) {
                bytes throws(PostgresDecodingFailure) in
                try Value.decode(bytes, type: self.result.type(column))
            }
        } catch {
            let reason =
                switch error {
                case .null: "it is null"
                case .type(let type): "its type is number \(type.rawValue)"
                case .malformed: "it does not fit"
                }
            throw PostgresError(
                code: .decoding, kind: .fatal,
                message: "column \(self.result.name(column)) cannot be read as \(Value.self): \(reason)")
        }
    }

    /// A value by its column's name.
    package func get<Value: PostgresDecodable>(
        _ column: String, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard let index = self.result.column(named: column) else {
            throw PostgresError(code: .decoding, kind: .fatal, message: "there is no column \(column)")
        }
        return try self.get(index, as: type)
    }

    package func type(_ column: Int) -> PostgresType { self.result.type(column) }

    package func isNull(_ column: Int) -> Bool {
        self.result.withValue(row: self.row, column: column) { $0 == nil }
    }

    /// The bytes as the server sent them, valid within the body: no copy is made. Nil for null.
    package func withBytes<Value>(_ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> Value) rethrows -> Value {
        precondition(column >= 0 && column < self.result.columns)
        return try self.result.withValue(row: self.row, column: column, body)
    }
}
