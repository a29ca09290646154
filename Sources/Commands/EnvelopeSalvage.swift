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
            guard let attribute = AttributeNames.shared.attribute(record.bytes, header.name), attribute.isSalvaged
            else {
                continue
            }
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
                EnvelopeReader.isUTF8(record.bytes, header.value)
            else { continue }
            index.positions[attribute] = Int8(draft.headers.count)
            draft.copyHeader(header, of: record)
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
