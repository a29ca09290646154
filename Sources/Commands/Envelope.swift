import JSONCoding

/// A readable command: the record and where its attributes lie.
///
/// A structured-mode record is laid out anew as if it had come in binary mode (`view`); the original stays beside it, so
/// that retries and dead letters carry the sender's own bytes.
///
/// An object, because it is handed on many times for each command.
package final class Envelope: Sendable {
    /// The record in binary-mode layout.
    package let view: Record
    /// The record as Kafka delivered it, when it came in another layout.
    private let structured: Record?
    private let index: AttributeIndex

    init(original: Record, view: Record, index: AttributeIndex) {
        self.view = view
        self.structured = original === view ? nil : original
        self.index = index
    }

    /// The record as Kafka delivered it; the same object as `view` when it came in binary mode.
    package var original: Record { self.structured ?? self.view }

    /// Calls with where the attributes and the key lie.
    package func withBytes<Result>(_ body: (EnvelopeBytes) throws -> Result) rethrows -> Result {
        try self.view.bytes.withUnsafeBufferPointer { view in
            try withUnsafePointer(to: self.index) { index in
                // A record in structured mode is laid out anew with its key.
                let key = self.view.key.isNull ? index.pointee.span(.partitionkey) : self.view.key
                return try body(
                    EnvelopeBytes(view: view, index: index, key: key.map { view[$0] }))
            }
        }
    }

    /// Whether the header is a CloudEvents attribute that Adjutant has no use for.
    package func isExtension(_ header: HeaderSpan) -> Bool {
        self.view.bytes.withUnsafeBufferPointer { AttributeNames.isExtension($0, header.name) }
    }

    package func has(_ attribute: Attribute) -> Bool { self.index.has(attribute) }

    /// Whether the attribute is there and not empty.
    package func isFilled(_ attribute: Attribute) -> Bool { self.span(attribute).map { $0.count > 0 } ?? false }

    /// The attribute's bytes inside `view.bytes`.
    package func span(_ attribute: Attribute) -> ByteSpan? { self.index.span(attribute) }

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

/// Where the values of a record's known attributes lie.
struct AttributeIndex: Sendable {
    /// By raw value of the attribute.
    private var spans = InlineArray<30, ByteSpan>(repeating: .null)
    /// A bit for each attribute that is there, if only with a null value.
    private(set) var present: UInt32 = 0
    /// Whether there are `ce_` attributes besides those in ``Attribute``.
    var hasExtensions = false

    func has(_ attribute: Attribute) -> Bool { self.present >> UInt32(attribute.rawValue) & 1 == 1 }

    func span(_ attribute: Attribute) -> ByteSpan? { self.span(at: attribute.rawValue) }

    func span(at attribute: Int) -> ByteSpan? {
        let span = self.spans[attribute]
        return span.isNull ? nil : span
    }

    mutating func set(_ attribute: Attribute, _ value: ByteSpan) {
        self.spans[attribute.rawValue] = value
        self.present |= 1 << UInt32(attribute.rawValue)
    }
}

/// A command's attributes and key where they lie, for whoever writes about it: nothing in it is counted. It is good as long
/// as the call that hands it out.
package struct EnvelopeBytes {
    private let view: UnsafeBufferPointer<UInt8>
    private let index: UnsafePointer<AttributeIndex>
    /// The ordering key: the record key, else `partitionkey`, else nil.
    package let key: UnsafeBufferPointer<UInt8>?

    fileprivate init(
        view: UnsafeBufferPointer<UInt8>, index: UnsafePointer<AttributeIndex>, key: UnsafeBufferPointer<UInt8>?
    ) {
        self.view = view
        self.index = index
        self.key = key
    }

    package func has(_ attribute: Attribute) -> Bool { self.index.pointee.has(attribute) }
    package var hasExtensions: Bool { self.index.pointee.hasExtensions }

    /// The attribute's value; nil when it is absent or null.
    package subscript(attribute: Attribute) -> UnsafeBufferPointer<UInt8>? {
        self.index.pointee.span(attribute).map { self.view[$0] }
    }
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
