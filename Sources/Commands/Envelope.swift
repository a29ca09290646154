import JSONCoding

/// A readable command: the record and where its attributes lie.
///
/// A structured-mode record is laid out anew as if it had come in binary mode (`view`); the original stays beside it, so
/// that retries and dead letters carry the sender's own bytes.
///
/// An object, because it is handed on many times for each command.
package final class Envelope: Sendable {
    /// The record as Kafka delivered it.
    package let original: Record
    /// The record in binary-mode layout; the same object as `original` when it came so.
    package let view: Record
    /// Per attribute the index of its header in `view`, or -1.
    private let index: SIMD32<Int8>
    /// Whether there are `ce_` attributes besides those in ``Attribute``.
    package let hasExtensions: Bool

    init(original: Record, view: Record, index: AttributeIndex) {
        self.original = original
        self.view = view
        self.index = index.positions
        self.hasExtensions = index.hasExtensions
    }

    /// Whether the header is a CloudEvents attribute that Adjutant has no use for.
    package func isExtension(_ header: HeaderSpan) -> Bool {
        AttributeNames.isExtension(self.view.bytes, header.name)
    }

    package func has(_ attribute: Attribute) -> Bool { self.index[attribute.rawValue] >= 0 }

    /// Whether the attribute is there and not empty.
    package func isFilled(_ attribute: Attribute) -> Bool { self.span(attribute).map { $0.count > 0 } ?? false }

    /// The attribute's bytes inside `view.bytes`.
    package func span(_ attribute: Attribute) -> ByteSpan? { self.span(at: attribute.rawValue) }

    func span(at attribute: Int) -> ByteSpan? {
        let position = self.index[attribute]
        guard position >= 0 else { return nil }
        let span = self.view.headers[Int(position)].value
        return span.isNull ? nil : span
    }

    package func text(_ attribute: Attribute) -> String? {
        self.span(attribute).map { String(decoding: self.view.bytes[$0.range], as: UTF8.self) }
    }

    package func integer(_ attribute: Attribute) -> Int64? { self.text(attribute).flatMap { Int64($0) } }

    /// Microseconds since 1970 of an RFC 3339 attribute; nil when absent or unreadable.
    package func microseconds(_ attribute: Attribute) -> Int64? {
        self.text(attribute).flatMap { RFC3339.parse($0) }
    }

    package var id: String { self.text(.id) ?? "" }
    package var type: String { self.text(.type) ?? "" }

    /// The ordering key's bytes: the record key, else `partitionkey`, else none.
    package var orderingKey: ArraySlice<UInt8>? {
        if !self.original.key.isNull { return self.original.bytes[self.original.key.range] }
        return self.span(.partitionkey).map { self.view.bytes[$0.range] }
    }

    package var orderingKeyText: String? { self.orderingKey.map { String(decoding: $0, as: UTF8.self) } }
}

/// Where the known attributes of a record lie.
struct AttributeIndex {
    var positions = SIMD32<Int8>(repeating: -1)
    var hasExtensions = false
}

/// Why a record is no readable command.
package struct PoisonReason: Error, Sendable, CustomStringConvertible {
    /// A short word for programs, for example `MISSING_ATTRIBUTE`.
    package var code: String
    /// What is wrong and where, never with the record's content.
    package var message: String
    /// The command id, when that at least can be read.
    package var id: String?
    /// The envelope as far as it goes, when its attributes can be read: so that the failure event says whose it is.
    package var envelope: Envelope?

    package init(code: String, message: String, id: String? = nil, envelope: Envelope? = nil) {
        self.code = code
        self.message = message
        self.id = id
        self.envelope = envelope
    }

    package var description: String { "\(self.code): \(self.message)" }
}

/// How large a record may be before it counts as poison.
public struct EnvelopeLimits: Sendable, Hashable {
    /// Bytes of the value.
    public var valueBytes = 1_048_576
    /// Headers a record, those that Adjutant adds for a retry aside; at most 112.
    public var headers = 64
    /// Bytes of one header's value, and of its name.
    public var headerBytes = 8192
    /// Bytes of the id.
    public var idBytes = 128
    /// Nesting of JSON.
    public var jsonDepth = 64

    public init() {}

    package var json: JSONLimits {
        var limits = JSONLimits()
        limits.maxDepth = self.jsonDepth
        limits.maxBytes = self.valueBytes
        return limits
    }
}
