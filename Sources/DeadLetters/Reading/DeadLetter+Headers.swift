import Commands
import JSONCoding

extension DeadLetter {
    /// One pass over the headers, then one choice of whose words count.
    mutating func readHeaders() {
        assert(NoteName.count <= 48)
        var notes = Notes()
        let names = NoteNames.shared
        let record = self.record
        record.bytes.withUnsafeBytes { bytes in
            for header in record.headers where !header.value.isNull {
                let name = UnsafeRawBufferPointer(rebasing: bytes[header.name.range])
                if let note = names.note(name) { notes.put(note, header.value) }
            }
        }
        self.typeSpan = notes[.type]
        self.idSpan = notes[.id]
        self.expirySpan = notes[.expiry]
        self.partitionKeySpan = notes[.partitionKey]
        if self.typeSpan.isNull, self.isStructured(notes[.contentType]) { self.readStructured() }

        if !notes[.ownClass].isNull || !notes[.ownFingerprint].isNull {
            self.format = .adjutant
            self.readOwn(notes)
        } else if !notes[.kipTopic].isNull || !notes[.kipMessage].isNull {
            self.format = .kip1191
            self.readKIP(notes)
        } else if !notes[.springTopic].isNull || !notes[.springException].isNull || !notes[.springMessage].isNull {
            self.format = .spring
            self.readSpring(notes)
        } else if !notes[.connectTopic].isNull || !notes[.connectException].isNull {
            self.format = .connect
            self.readConnect(notes)
        } else if !notes[.streamsTopic].isNull || !notes[.streamsException].isNull {
            self.format = .streams
            self.readStreams(notes)
        }
        // A letter that was replayed and given up by another program keeps its count.
        self.replays = Int(min(max(self.decimal(notes[.ownReplays]) ?? 0, 0), 1_000_000))
    }

    private func isStructured(_ contentType: ByteSpan) -> Bool {
        let prefix = "application/cloudevents"
        guard Int(contentType.count) >= prefix.utf8.count else { return false }
        return zip(self.record[contentType], prefix.utf8).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }

    /// Type and id of a structured event, if it is one that can be read.
    private mutating func readStructured() {
        guard let envelope = try? EnvelopeReader(limits: Self.generous).read(self.record) else { return }
        self.structuredView = envelope.view
        self.typeSpan = envelope.span(.type) ?? .null
        self.idSpan = envelope.span(.id) ?? .null
        self.expirySpan = envelope.span(.expirytime) ?? .null
        self.partitionKeySpan = envelope.span(.partitionkey) ?? .null
    }

    /// What a worker refuses is looked at all the same.
    static let generous: EnvelopeLimits = {
        var limits = EnvelopeLimits()
        limits.valueBytes = 1 << 30
        limits.headers = 112
        limits.headerBytes = 1 << 20
        limits.idBytes = 1 << 20
        return limits
    }()

    private mutating func readOwn(_ notes: Notes) {
        self.readKIP(notes)
        self.classSpan = notes[.ownClass]
        self.codeSpan = notes[.ownCode]
        self.fingerprintSpan = notes[.ownFingerprint]
        self.firstFailedSpan = notes[.ownFirstFailed]
        self.failedSpan = notes[.ownFailed]
    }

    private mutating func readKIP(_ notes: Notes) {
        self.originTopicSpan = notes[.kipTopic]
        self.setOrigin(self.decimal(notes[.kipPartition]), self.decimal(notes[.kipOffset]))
        self.groupSpan = notes[.kipGroup]
        self.messageSpan = notes[.kipMessage]
        self.setAttempts(self.decimal(notes[.kipCount]))
    }

    private mutating func readSpring(_ notes: Notes) {
        self.originTopicSpan = notes[.springTopic]
        self.setOrigin(self.binary(notes[.springPartition]), self.binary(notes[.springOffset]))
        self.groupSpan = notes[.springGroup]
        let exception = notes.first(of: .springCause, .springException, .springKeyException)
        self.codeSpan = self.lastName(exception)
        self.messageSpan = notes.first(of: .springMessage, .springKeyMessage)
        self.setAttempts(self.binary(notes.first(of: .springAttempts, .springDelivery)))
    }

    private mutating func readConnect(_ notes: Notes) {
        self.originTopicSpan = notes[.connectTopic]
        self.setOrigin(self.decimal(notes[.connectPartition]), self.decimal(notes[.connectOffset]))
        self.groupSpan = notes[.connectConnector]
        self.codeSpan = self.lastName(notes[.connectException])
        self.messageSpan = notes[.connectMessage]
    }

    private mutating func readStreams(_ notes: Notes) {
        self.originTopicSpan = notes[.streamsTopic]
        self.setOrigin(self.decimal(notes[.streamsPartition]), self.decimal(notes[.streamsOffset]))
        self.codeSpan = self.lastName(notes[.streamsException])
        self.messageSpan = notes[.streamsMessage]
    }

    private mutating func setOrigin(_ partition: Int64?, _ offset: Int64?) {
        self.originPartition = partition.flatMap { Int32(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil }
        self.originOffset = offset.flatMap { $0 >= 0 ? $0 : nil }
    }

    private mutating func setAttempts(_ count: Int64?) {
        self.attempts = count.flatMap { $0 > 0 ? Int(min($0, 1_000_000)) : nil }
    }

    private func decimal(_ span: ByteSpan) -> Int64? {
        span.isNull ? nil : NumberBytes.decimal(self.record[span])
    }

    private func binary(_ span: ByteSpan) -> Int64? {
        span.isNull ? nil : NumberBytes.binary(self.record[span])
    }

    /// `org.example.Broken` → `Broken`.
    private func lastName(_ span: ByteSpan) -> ByteSpan {
        guard !span.isNull, let dot = self.record[span].lastIndex(of: UInt8(ascii: ".")) else { return span }
        let start = dot + 1
        return ByteSpan(start: start, count: span.range.upperBound - start)
    }
}

/// The values of the notes that one record has.
private struct Notes {
    private var spans = InlineArray<48, ByteSpan>(repeating: .null)
    /// Attributes that come more than once, a bit each.
    private var repeated: UInt64 = 0

    /// Where a header comes more than once: Spring Kafka's `original` ones are added on every hop, so that the first
    /// names the origin. An attribute of the envelope is none then, as a worker has it. Of all others the last counts.
    mutating func put(_ name: NoteName, _ value: ByteSpan) {
        switch name {
        case .springTopic, .springPartition, .springOffset, .springGroup:
            if self.spans[name.rawValue].isNull { self.spans[name.rawValue] = value }
        case .type, .id, .expiry, .partitionKey:
            if !self.spans[name.rawValue].isNull { self.repeated |= 1 << UInt64(name.rawValue) }
            self.spans[name.rawValue] = value
        default: self.spans[name.rawValue] = value
        }
    }

    subscript(name: NoteName) -> ByteSpan {
        self.repeated & 1 << UInt64(name.rawValue) == 0 ? self.spans[name.rawValue] : .null
    }

    func first(of names: NoteName...) -> ByteSpan {
        for name in names where !self[name].isNull { return self[name] }
        return .null
    }
}
