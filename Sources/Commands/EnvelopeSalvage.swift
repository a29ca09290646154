/// What can be read of a record that breaks a rule of the envelope: enough to say whose failure it is.
struct EnvelopeSalvage {
    /// The command id, when there is one only, and a good one.
    let id: String?
    /// The attributes that are text, within the limits, and there once; nil without an id.
    let envelope: Envelope?

    init(_ record: Record, limits: EnvelopeLimits) {
        var found = [HeaderSpan?](repeating: nil, count: Attribute.allCases.count)
        var isRepeated = [Bool](repeating: false, count: found.count)
        for header in record.headers {
            let attribute = record.bytes.withUnsafeBufferPointer {
                AttributeNames.shared.attribute($0, header.name)
            }
            guard let attribute, attribute.isSalvaged else { continue }
            if found[attribute.rawValue] != nil { isRepeated[attribute.rawValue] = true }
            found[attribute.rawValue] = header
        }
        var draft = OutgoingRecord()
        draft.setKey(of: record)
        var index = AttributeIndex()
        for (attribute, header) in found.enumerated() {
            guard let header, !isRepeated[attribute] else { continue }
            let limit = attribute == Attribute.id.rawValue ? limits.idBytes : limits.headerBytes
            guard header.value.count > 0, Int(header.value.count) <= limit,
                record.bytes.withUnsafeBufferPointer({ EnvelopeReader.isText($0[header.value]) })
            else { continue }
            draft.copyHeader(header, of: record)
            index.set(Attribute(rawValue: attribute)!, draft.headers[draft.headers.count - 1].value)
        }
        let envelope = Envelope(original: record, view: record.laidOut(as: draft), index: index)
        self.id = envelope.text(.id)
        self.envelope = self.id == nil ? nil : envelope
    }
}

extension Attribute {
    /// Of the envelope or the trace.
    fileprivate var isSalvaged: Bool {
        self.isEnvelope || self == .traceparent || self == .tracestate || self == .baggage
    }
}
