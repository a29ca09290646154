import Commands
import JSONCoding

/// Whose headers tell why a record was given up.
package enum LetterFormat: String, Sendable, CaseIterable, Codable {
    case adjutant, kip1191, spring, connect, streams
    /// None that is known here; what Kafka itself knows is still shown.
    case unknown
}

/// One record of a dead-letter topic, and what its headers say of it.
///
/// Everything textual is a span of the record's bytes: a scan makes strings only of what it shows.
package struct DeadLetter: Sendable {
    package let record: Record
    package internal(set) var format = LetterFormat.unknown

    /// The record in which the envelope's attributes lie, if it is another one: in structured mode.
    var structuredView: Record?
    var typeSpan = ByteSpan.null
    var idSpan = ByteSpan.null
    var expirySpan = ByteSpan.null
    var partitionKeySpan = ByteSpan.null

    var classSpan = ByteSpan.null
    var codeSpan = ByteSpan.null
    var messageSpan = ByteSpan.null
    var groupSpan = ByteSpan.null
    var fingerprintSpan = ByteSpan.null
    var originTopicSpan = ByteSpan.null
    var firstFailedSpan = ByteSpan.null
    var failedSpan = ByteSpan.null

    /// Where the record was first read, as far as its headers tell.
    package internal(set) var originPartition: Int32?
    package internal(set) var originOffset: Int64?
    package internal(set) var attempts: Int?
    /// How often it was replayed before it came here.
    package internal(set) var replays = 0

    package init(_ record: Record) {
        self.record = record
        self.readHeaders()
    }

    var view: Record { self.structuredView ?? self.record }

    /// Microseconds since 1970.
    package var firstFailedAt: Int64? { self.time(self.firstFailedSpan) }

    /// Microseconds since 1970: as noted, else the time that Kafka has for the letter.
    package var failedAt: Int64 {
        self.time(self.failedSpan) ?? (self.record.timestamp > 0 ? self.record.timestamp &* 1000 : 0)
    }

    private func time(_ span: ByteSpan) -> Int64? { span.isNull ? nil : RFC3339.parse(self.record[span]) }

    // MARK: - Text

    package var coordinate: LetterCoordinate {
        LetterCoordinate(topic: self.record.topic, partition: self.record.partition, offset: self.record.offset)
    }

    /// The command type; nil when it cannot be read.
    package var type: String? { self.text(self.typeSpan, of: self.view) }
    /// The command id; nil when it cannot be read.
    package var id: String? { self.text(self.idSpan, of: self.view) }
    /// Nil where other programs gave the record up: they know no classes.
    package var failureClass: String? { self.text(self.classSpan) }
    /// What stands for a class that a letter lacks, wherever it is shown or asked for.
    package static let unknownClass = "unknown"
    /// The error's code; for foreign letters the exception's class without its package.
    package var code: String? { self.text(self.codeSpan) }
    package var message: String? { self.text(self.messageSpan) }
    package var group: String? { self.text(self.groupSpan) }
    package var originTopic: String? { self.text(self.originTopicSpan) }
    package var key: String? { self.keyBytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The ordering key: the record's, else the `partitionkey` attribute.
    package var keyBytes: ArraySlice<UInt8>? {
        if !self.record.key.isNull { return self.record[self.record.key] }
        return self.partitionKeySpan.isNull ? nil : self.view[self.partitionKeySpan]
    }

    /// Bytes of the value; nil for a tombstone.
    package var valueBytes: Int? { self.record.value.isNull ? nil : Int(self.record.value.count) }

    /// An attribute of the command's envelope; nil when it is absent or no text.
    package func attribute(_ attribute: Attribute) -> String? {
        self.view.header(named: attribute.headerName).flatMap { self.view.text($0) }
    }

    /// Where the command was first read: `topic/partition/offset`; nil unless all three are known.
    package var origin: LetterCoordinate? {
        guard let topic = self.originTopic, let partition = self.originPartition, let offset = self.originOffset else {
            return nil
        }
        return LetterCoordinate(topic: topic, partition: partition, offset: offset)
    }

    /// Equal for letters of one command that was first read at one place; nil unless that is known.
    ///
    /// The place alone is not enough: it is what a header says.
    var originHash: Int? {
        guard !self.originTopicSpan.isNull, let partition = self.originPartition, let offset = self.originOffset else {
            return nil
        }
        var hasher = Hasher()
        self.record.bytes.withUnsafeBytes {
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[self.originTopicSpan.range]))
        }
        let content = self.idSpan.isNull ? (self.record, self.record.value) : (self.view, self.idSpan)
        content.0.bytes.withUnsafeBytes {
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[content.1.range]))
        }
        hasher.combine(partition)
        hasher.combine(offset)
        // Where its topic was made anew, a replay may come to the same place.
        hasher.combine(self.replays)
        return hasher.finalize()
    }

    /// Groups equal causes: as noted, else made of class, code, type and message in the same way.
    package var fingerprint: String {
        if self.fingerprintSpan.count == 16 { return self.text(self.fingerprintSpan) ?? "" }
        return Fingerprint.make(
            failureClass: self.failureClass ?? self.format.rawValue, code: self.code ?? "", type: self.type ?? "",
            message: self.message ?? "")
    }

    /// Whether the command's `expirytime` lies before the moment, in microseconds since 1970.
    package func isExpired(at moment: Int64) -> Bool {
        guard !self.expirySpan.isNull, let time = RFC3339.parse(self.view[self.expirySpan]) else { return false }
        return time <= moment
    }

    private func text(_ span: ByteSpan) -> String? { self.text(span, of: self.record) }

    private func text(_ span: ByteSpan, of record: Record) -> String? {
        span.isNull ? nil : String(decoding: record[span], as: UTF8.self)
    }
}

/// Where a record lies.
package struct LetterCoordinate: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32
    package var offset: Int64

    package init(topic: String, partition: Int32, offset: Int64) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
    }

    /// Reads `topic/partition/offset`, or `partition/offset` of the topic given.
    package init?(_ text: String, in topic: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let partition = Int32(parts[parts.count - 2]),
            let offset = Int64(parts[parts.count - 1]), partition >= 0, offset >= 0
        else { return nil }
        self.init(topic: parts.count == 3 ? String(parts[0]) : topic, partition: partition, offset: offset)
    }

    package var description: String { "\(self.topic)/\(self.partition)/\(self.offset)" }

    package static func < (left: LetterCoordinate, right: LetterCoordinate) -> Bool {
        (left.topic, left.partition, left.offset) < (right.topic, right.partition, right.offset)
    }
}
