import JSONCoding

/// A record being written: one growing buffer, reused from record to record.
package struct OutgoingRecord: Sendable {
    package private(set) var bytes: [UInt8] = []
    package private(set) var headers: [HeaderSpan] = []
    package private(set) var key: ByteSpan = .null
    package private(set) var value: ByteSpan = .null
    /// For the times that are written into the records.
    package var face = RFC3339.Face()

    package init() {}

    /// Empties the record and keeps its memory.
    package mutating func reset() {
        self.bytes.removeAll(keepingCapacity: true)
        self.headers.removeAll(keepingCapacity: true)
        self.key = .null
        self.value = .null
    }

    package mutating func setKey(_ bytes: some Collection<UInt8>) { self.key = self.put(bytes) }
    package mutating func setValue(_ bytes: some Collection<UInt8>) { self.value = self.put(bytes) }

    /// The same for what is set most, without the detour of generic code.
    package mutating func setValue(_ bytes: [UInt8]) {
        self.value = bytes.withUnsafeBufferPointer { self.put($0) }
    }

    package mutating func setKey(of record: Record) {
        if !record.key.isNull { self.key = self.put(of: record, record.key) }
    }

    package mutating func setKey(_ bytes: UnsafeBufferPointer<UInt8>) { self.key = self.put(bytes) }

    package mutating func setValue(of record: Record) {
        if !record.value.isNull { self.value = self.put(of: record, record.value) }
    }

    /// Adds headers that were laid out before; values that are missing in the block are null until they are set.
    package mutating func addHeaders(_ block: HeaderBlock) {
        let shift = Int32(truncatingIfNeeded: self.bytes.count)
        block.bytes.withUnsafeBufferPointer { _ = self.put($0) }
        let first = self.headers.count
        self.headers.append(contentsOf: block.headers)
        self.headers.withUnsafeMutableBufferPointer { headers in
            for index in first..<headers.count {
                headers[index].name.start += shift
                if !headers[index].value.isNull { headers[index].value.start += shift }
            }
        }
    }

    /// Gives the header at an index its value, which lies in this record already: several headers may share it.
    package mutating func setHeader(_ index: Int, _ value: ByteSpan) { self.headers[index].value = value }

    /// Lets the closure append bytes that headers are to share.
    package mutating func putBytes(_ body: (inout [UInt8]) -> Void) -> ByteSpan {
        let start = self.bytes.count
        body(&self.bytes)
        return ByteSpan(start: start, count: self.bytes.count - start)
    }

    /// Appends the text of a moment, microseconds since 1970 UTC, that headers are to share.
    package mutating func putTime(_ microseconds: Int64) -> ByteSpan {
        let start = self.bytes.count
        self.face.append(microseconds, precision: .milliseconds, to: &self.bytes)
        return ByteSpan(start: start, count: self.bytes.count - start)
    }

    /// Appends bytes that headers are to share.
    package mutating func put(_ source: UnsafeBufferPointer<UInt8>) -> ByteSpan {
        let start = self.bytes.count
        if let base = source.baseAddress {
            self.bytes.append(atMost: source.count) { target in
                target.update(from: base, count: source.count)
                return source.count
            }
        }
        return ByteSpan(start: start, count: source.count)
    }

    private mutating func put(of record: Record, _ span: ByteSpan) -> ByteSpan {
        record.bytes.withUnsafeBufferPointer { self.put($0[span]) }
    }

    /// Lets the closure append the value straight into the buffer.
    package mutating func writeValue(_ body: (inout [UInt8]) throws -> Void) rethrows {
        let start = self.bytes.count
        try body(&self.bytes)
        self.value = ByteSpan(start: start, count: self.bytes.count - start)
    }

    package mutating func addHeader(_ name: StaticString, _ value: String) {
        self.headers.append(HeaderSpan(name: self.put(name), value: self.put(value.utf8)))
    }

    package mutating func addHeader(_ name: StaticString, bytes value: [UInt8]) {
        self.headers.append(HeaderSpan(name: self.put(name), value: self.put(value)))
    }

    package mutating func addHeader(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>) {
        self.headers.append(HeaderSpan(name: self.put(name), value: self.put(value)))
    }

    /// Lets the closure append the header's value straight into the buffer.
    package mutating func addHeader(_ name: StaticString, write body: (inout [UInt8]) -> Void) {
        let name = self.put(name)
        let start = self.bytes.count
        body(&self.bytes)
        self.headers.append(HeaderSpan(name: name, value: ByteSpan(start: start, count: self.bytes.count - start)))
    }

    package mutating func addHeader(_ name: String, bytes value: [UInt8]?) {
        let name = self.put(name.utf8)
        self.headers.append(HeaderSpan(name: name, value: value.map { self.put($0) } ?? .null))
    }

    /// From bytes that lie elsewhere; a header's value may be null.
    package mutating func addHeader(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) {
        let name = self.put(name)
        self.headers.append(HeaderSpan(name: name, value: value.map { self.put($0) } ?? .null))
    }

    /// Copies a header as it is, null values and repeated names included.
    package mutating func copyHeader(_ header: HeaderSpan, of record: Record) {
        let name = self.put(of: record, header.name)
        let value = header.value.isNull ? ByteSpan.null : self.put(of: record, header.value)
        self.headers.append(HeaderSpan(name: name, value: value))
    }

    /// Becomes a copy of the record, with those headers whose names pass.
    package mutating func copy(_ record: Record, headersWhere keeps: (UnsafeBufferPointer<UInt8>) -> Bool) {
        self.reset()
        // All bytes at once, so that the spans hold: picking those of the headers that stay takes longer.
        self.bytes.append(contentsOf: record.bytes)
        self.key = record.key
        self.value = record.value
        record.bytes.withUnsafeBufferPointer { bytes in
            for header in record.headers where keeps(bytes[header.name]) {
                self.headers.append(header)
            }
        }
    }

    /// Replaces a value that nobody would take by a note of its size, with a header that says so; false when that was
    /// done before.
    package mutating func truncateValue() -> Bool {
        let isMarked = self.headers.contains {
            self.bytes[$0.name.range].elementsEqual(Self.truncationHeader.utf8)
        }
        guard !isMarked, !self.value.isNull else { return false }
        let count = Int(self.value.count)
        self.setValue(Self.truncationNote(bytes: count))
        self.addHeader(Self.truncationHeader, bytes: Array("\(count)".utf8))
        return true
    }

    /// Says how many bytes a value had that nobody would take.
    package static let truncationHeader = "adjutant-truncated"

    package static func truncationNote(bytes count: Int) -> [UInt8] {
        Array(#"{"truncated":true,"bytes":\#(count)}"#.utf8)
    }

    private mutating func put(_ source: some Collection<UInt8>) -> ByteSpan {
        let start = self.bytes.count
        self.bytes.append(contentsOf: source)
        return ByteSpan(start: start, count: self.bytes.count - start)
    }

    private mutating func put(_ source: StaticString) -> ByteSpan {
        source.withUTF8Buffer { self.put($0) }
    }
}

/// Headers laid out once, for the many records that share them.
package final class HeaderBlock: Sendable {
    fileprivate let bytes: [UInt8]
    fileprivate let headers: [HeaderSpan]

    /// - Parameter headers: In their order; a value of nil is to be set in each record.
    package init(_ headers: [(name: StaticString, value: String?)]) {
        var draft = OutgoingRecord()
        for (name, value) in headers { draft.addHeader("\(name)", bytes: value.map { Array($0.utf8) }) }
        self.bytes = draft.bytes
        self.headers = draft.headers
    }
}
