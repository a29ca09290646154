import Commands
import PostgresClient

/// Turns a row of the outbox into a record, without copying its parts twice.
enum OutboxReader {
    /// Columns as ``OutboxStatements/read(_:)`` names them.
    static func row(_ row: PostgresRow, topics: [Int]) throws(PostgresError) -> OutboxBook.Row {
        let place = try row.get(2, as: Int.self)
        return OutboxBook.Row(topic: topics[place - 1], id: try row.get(0), slot: try row.get(1))
    }

    /// - Returns: Whether the headers can be read.
    static func fill(_ record: inout OutgoingRecord, from row: PostgresRow) -> Bool {
        record.reset()
        row.withBytes(3) { if let key = $0 { record.setKey(key) } }
        row.withBytes(4) { if let value = $0 { record.setValue(value) } }
        return row.withBytes(5) { names in
            row.withBytes(6) { values in
                guard let names, let values, var names = Elements(names), var values = Elements(values) else {
                    return false
                }
                while let name = names.next() {
                    guard let name, let value = values.next() else { return false }
                    record.addHeader(name: name, value: value)
                }
                return true
            }
        }
    }

    /// The elements of a one-dimensional array in PostgreSQL's binary form: dimensions, whether there are nulls, the
    /// element's type, the dimension's length and lower bound; then each element's length, -1 for null, and bytes.
    private struct Elements {
        private let bytes: UnsafeRawBufferPointer
        private var offset: Int
        private var left: Int

        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= 12 else { return nil }
            let dimensions = Self.integer(bytes, 0)
            guard dimensions <= 1, dimensions == 0 || bytes.count >= 20 else { return nil }
            self.bytes = bytes
            self.offset = 20
            self.left = dimensions == 0 ? 0 : Self.integer(bytes, 12)
        }

        private static func integer(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
            Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }

        /// The outer nil at the end, the inner one for null.
        mutating func next() -> UnsafeRawBufferPointer?? {
            guard self.left > 0, self.offset + 4 <= self.bytes.count else { return nil }
            self.left -= 1
            let length = Self.integer(self.bytes, self.offset)
            self.offset += 4
            guard length >= 0 else { return .some(nil) }
            guard self.offset + length <= self.bytes.count else { return nil }
            defer { self.offset += length }
            return UnsafeRawBufferPointer(rebasing: self.bytes[self.offset..<self.offset + length])
        }
    }
}
