/// A run of bytes inside a buffer; a negative count stands for Kafka's null.
package struct ByteSpan: Sendable, Hashable {
    package var start: Int32
    package var count: Int32

    @inlinable package init(start: Int, count: Int) {
        self.start = Int32(truncatingIfNeeded: start)
        self.count = Int32(truncatingIfNeeded: count)
    }

    package static let null = ByteSpan(start: 0, count: -1)

    @inlinable package var isNull: Bool { self.count < 0 }
    @inlinable package var range: Range<Int> { Int(self.start)..<Int(self.start) + Int(max(self.count, 0)) }
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// The bytes of a span of the buffer.
    package subscript(span: ByteSpan) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: self[span.range]) }
}

/// Where one header's name and value lie.
package struct HeaderSpan: Sendable {
    package var name: ByteSpan
    package var value: ByteSpan

    @inlinable package init(name: ByteSpan, value: ByteSpan) {
        self.name = name
        self.value = value
    }
}

/// One Kafka record, copied out of the client library: immutable, with all of its bytes in one buffer.
package final class Record: Sendable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// Milliseconds since 1970 as Kafka reports them; negative when unknown.
    package let timestamp: Int64
    package let bytes: [UInt8]
    package let headers: [HeaderSpan]
    package let key: ByteSpan
    package let value: ByteSpan

    package init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64, bytes: [UInt8], headers: [HeaderSpan],
        key: ByteSpan, value: ByteSpan
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.bytes = bytes
        self.headers = headers
        self.key = key
        self.value = value
    }

    package subscript(span: ByteSpan) -> ArraySlice<UInt8> { self.bytes[span.range] }

    /// The text of a span; nil when it is null or not UTF-8.
    package func text(_ span: ByteSpan) -> String? {
        span.isNull ? nil : String(validating: self.bytes[span.range], as: UTF8.self)
    }

    /// The value of the first header of that name.
    package func header(named name: String) -> ByteSpan? {
        for header in self.headers where self.bytes[header.name.range].elementsEqual(name.utf8) { return header.value }
        return nil
    }
}

extension Record {
    /// A record put together by hand, for tests and for the tool.
    package convenience init(
        topic: String, partition: Int32 = 0, offset: Int64 = 0, timestamp: Int64 = 0, key: [UInt8]? = nil,
        value: [UInt8]?, headers: [(String, [UInt8]?)] = []
    ) {
        var draft = OutgoingRecord()
        if let key { draft.setKey(key) }
        for (name, bytes) in headers { draft.addHeader(name, bytes: bytes) }
        if let value { draft.setValue(value) }
        self.init(draft, topic: topic, partition: partition, offset: offset, timestamp: timestamp)
    }

    /// A record as it will be read that is being written.
    package convenience init(
        _ draft: OutgoingRecord, topic: String, partition: Int32 = 0, offset: Int64 = 0, timestamp: Int64 = 0
    ) {
        self.init(
            topic: topic, partition: partition, offset: offset, timestamp: timestamp, bytes: draft.bytes,
            headers: draft.headers, key: draft.key, value: draft.value)
    }

    /// The record laid out anew: what it holds is the draft's.
    func laidOut(as draft: OutgoingRecord) -> Record {
        Record(
            draft, topic: self.topic, partition: self.partition, offset: self.offset, timestamp: self.timestamp)
    }
}
