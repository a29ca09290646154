import FoundationEssentials

/// A one-dimensional array in PostgreSQL's binary form, encoded as it is filled: one buffer, however many elements.
///
/// Bulk inserts pass their columns this way: `INSERT … SELECT * FROM unnest($1::text[], $2::int8[])`.
package struct PostgresArray: Sendable {
    package let element: PostgresType
    package private(set) var count = 0
    /// Length and bytes of each element, as they travel.
    private(set) var body: [UInt8] = []
    private(set) var hasNulls = false

    /// - Parameter capacity: How many bytes to reserve; an element takes 4 more than its value.
    package init(of element: PostgresType, capacity: Int = 0) {
        self.element = element
        if capacity > 0 { self.body.reserveCapacity(capacity) }
    }

    package mutating func appendNull() {
        self.count += 1
        self.hasNulls = true
        self.body.appendBigEndian(Int32(-1))
    }

    package mutating func append(_ value: String) {
        precondition(self.element == .text || self.element == .json)
        self.count += 1
        var value = value
        value.withUTF8 { self.body.appendSized(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ value: [UInt8]) {
        value.withUnsafeBytes { self.append(bytes: $0) }
    }

    /// For `bytea[]`, and for `text[]` from UTF-8.
    package mutating func append(bytes: UnsafeRawBufferPointer) {
        precondition(self.element == .bytea || self.element == .text)
        self.count += 1
        self.body.appendSized(bytes)
    }

    package mutating func append(_ value: Int64) {
        precondition(self.element == .int8)
        self.appendFixed(value)
    }

    package mutating func append(_ value: Int32) {
        precondition(self.element == .int4)
        self.appendFixed(value)
    }

    package mutating func append(_ value: Bool) {
        precondition(self.element == .bool)
        self.appendFixed(UInt8(value ? 1 : 0))
    }

    package mutating func append(_ value: Double) {
        precondition(self.element == .float8)
        self.appendFixed(value.bitPattern)
    }

    package mutating func append(_ value: PostgresTimestamp) {
        precondition(self.element == .timestamptz)
        self.appendFixed(value.wire)
    }

    package mutating func append(_ value: UUID) {
        precondition(self.element == .uuid)
        self.count += 1
        withUnsafeBytes(of: value.uuid) { self.body.appendSized($0) }
    }

    private mutating func appendFixed<Integer: FixedWidthInteger>(_ value: Integer) {
        self.count += 1
        self.body.appendBigEndian(Int32(MemoryLayout<Integer>.size))
        self.body.appendBigEndian(value)
    }

    /// Number of dimensions, whether there are nulls, the element's type, the dimension's length and lower bound.
    func encode(into buffer: inout [UInt8]) {
        guard self.count > 0 else {
            buffer.appendBigEndian(Int32(0))
            buffer.appendBigEndian(Int32(0))
            buffer.appendBigEndian(self.element.rawValue)
            return
        }
        buffer.appendBigEndian(Int32(1))
        buffer.appendBigEndian(Int32(self.hasNulls ? 1 : 0))
        buffer.appendBigEndian(self.element.rawValue)
        buffer.appendBigEndian(Int32(self.count))
        buffer.appendBigEndian(Int32(1))
        buffer.append(contentsOf: self.body)
    }
}

extension PostgresArray {
    package init(_ values: [String]) {
        self.init(of: .text, capacity: values.reduce(0) { $0 + 4 + $1.utf8.count })
        for value in values { self.append(value) }
    }

    package init(_ values: [String?]) {
        self.init(of: .text, capacity: values.reduce(0) { $0 + 4 + ($1?.utf8.count ?? 0) })
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [[UInt8]]) {
        self.init(of: .bytea, capacity: values.reduce(0) { $0 + 4 + $1.count })
        for value in values { self.append(value) }
    }

    package init(_ values: [[UInt8]?]) {
        self.init(of: .bytea, capacity: values.reduce(0) { $0 + 4 + ($1?.count ?? 0) })
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [Int64]) {
        self.init(of: .int8, capacity: 12 * values.count)
        for value in values { self.append(value) }
    }

    package init(_ values: [Int64?]) {
        self.init(of: .int8, capacity: 12 * values.count)
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [Int32]) {
        self.init(of: .int4, capacity: 8 * values.count)
        for value in values { self.append(value) }
    }

    package init(_ values: [Int32?]) {
        self.init(of: .int4, capacity: 8 * values.count)
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [Bool]) {
        self.init(of: .bool, capacity: 5 * values.count)
        for value in values { self.append(value) }
    }

    package init(_ values: [Bool?]) {
        self.init(of: .bool, capacity: 5 * values.count)
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [PostgresTimestamp]) {
        self.init(of: .timestamptz, capacity: 12 * values.count)
        for value in values { self.append(value) }
    }

    package init(_ values: [PostgresTimestamp?]) {
        self.init(of: .timestamptz, capacity: 12 * values.count)
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }

    package init(_ values: [UUID]) {
        self.init(of: .uuid, capacity: 20 * values.count)
        for value in values { self.append(value) }
    }

    package init(_ values: [UUID?]) {
        self.init(of: .uuid, capacity: 20 * values.count)
        for value in values { if let value { self.append(value) } else { self.appendNull() } }
    }
}
