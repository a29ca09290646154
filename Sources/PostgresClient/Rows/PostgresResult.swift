import CLibPQ
import Glibc

/// Owns one `PGresult`: what the server answered to one statement, in libpq's memory.
///
/// `@unchecked Sendable`: a result is not changed after it was received, reading one is thread-safe by libpq's promise,
/// and `deinit` frees it once.
final class PostgresResult: @unchecked Sendable {
    let pointer: OpaquePointer
    let rows: Int
    let columns: Int

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        self.rows = Int(PQntuples(pointer))
        self.columns = Int(PQnfields(pointer))
    }

    deinit { PQclear(self.pointer) }

    /// For example `INSERT 0 5` or `ROLLBACK`.
    var tag: String { String(cString: PQcmdStatus(self.pointer)) }

    var affected: Int { Int(String(cString: PQcmdTuples(self.pointer))) ?? 0 }

    func type(_ column: Int) -> PostgresType { PostgresType(rawValue: PQftype(self.pointer, Int32(column))) }

    func name(_ column: Int) -> String { String(cString: PQfname(self.pointer, Int32(column))) }

    /// By exact name; libpq's own lookup folds capitals.
    func column(named name: String) -> Int? {
        (0..<self.columns).first { column in
            guard let bytes = PQfname(self.pointer, Int32(column)) else { return false }
            return name.utf8.elementsEqual(UnsafeRawBufferPointer(start: bytes, count: strlen(bytes)))
        }
    }

    /// Valid within the body; nil for null.
    @inline(__always)
    func withValue<Value, Failure: Error>(
        row: Int, column: Int, _ body: (UnsafeRawBufferPointer?) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let row = Int32(row)
        let column = Int32(column)
        if PQgetisnull(self.pointer, row, column) == 1 { return try body(nil) }
        return try body(
            UnsafeRawBufferPointer(
                start: PQgetvalue(self.pointer, row, column), count: Int(PQgetlength(self.pointer, row, column))))
    }
}
