import JSONCoding

/// Reads the CloudEvents envelope of a record, in binary or structured mode (CloudEvents 1.0, Kafka protocol binding).
package struct EnvelopeReader: Sendable {
    package let limits: EnvelopeLimits

    package init(limits: EnvelopeLimits = EnvelopeLimits()) { self.limits = limits }

    /// The envelope, or why the record has none.
    package func read(_ record: Record) throws(PoisonReason) -> Envelope {
        let index = try self.index(of: record)
        if self.isStructured(record, index) { return try self.readStructured(record) }
        return try self.finish(original: record, view: record, index: index)
    }

    /// Why a worker would read no command in what is being written; nil when it would.
    package func fault(in draft: OutgoingRecord) -> String? {
        do {
            _ = try self.read(Record(draft, topic: ""))
            return nil
        } catch {
            return error.message
        }
    }

    /// The ordering key without reading the rest: what the intake needs to choose a lane.
    package func orderingKey(of record: Record) -> ArraySlice<UInt8>? {
        if !record.key.isNull { return record.bytes[record.key.range] }
        guard let envelope = try? self.read(record) else { return nil }
        return envelope.orderingKey
    }

    // MARK: - Binary mode

    private func index(of record: Record) throws(PoisonReason) -> AttributeIndex {
        var index = AttributeIndex()
        let allowed = min(self.limits.headers, Self.mostHeaders)
        // A retry record carries a few headers more than its command did, and a replayed command one.
        guard record.headers.count <= allowed || self.hasAllowedHeaders(record, allowed) else {
            throw self.broken(
                record, "TOO_MANY_HEADERS", "\(record.headers.count) headers, at most \(allowed) are allowed")
        }
        let names = AttributeNames.shared
        let largest = Int32(clamping: self.limits.headerBytes)
        for position in record.headers.indices {
            let header = record.headers[position]
            if header.value.count > largest || header.name.count > largest {
                throw self.headerTooLarge(record, position)
            }
            let attribute = names.position(record.bytes, header.name)
            if attribute < 0 {
                if AttributeNames.isCloudEvents(record.bytes, header.name) { index.hasExtensions = true }
                continue
            }
            if index.positions[attribute] >= 0, attribute <= Attribute.sagaid.rawValue {
                let name = Attribute(rawValue: attribute)?.headerName ?? ""
                throw self.broken(record, "DUPLICATE_ATTRIBUTE", "header \(name) appears more than once")
            }
            index.positions[attribute] = Int8(truncatingIfNeeded: position)
        }
        return index
    }

    /// Positions are kept in a byte each.
    private static let mostHeaders = 112

    private func hasAllowedHeaders(_ record: Record, _ allowed: Int) -> Bool {
        guard record.headers.count <= allowed + 8 else { return false }
        let own = record.headers.count { header in
            AttributeNames.shared.attribute(record.bytes, header.name).map { $0.isRetryControl || $0 == .replays }
                ?? false
        }
        return record.headers.count - own <= allowed
    }

    private func headerTooLarge(_ record: Record, _ position: Int) -> PoisonReason {
        let header = record.headers[position]
        return self.broken(
            record, "HEADER_TOO_LARGE",
            "header \(position) has \(max(header.value.count, header.name.count)) bytes, "
                + "at most \(self.limits.headerBytes) are allowed")
    }

    /// The record breaks a rule before its envelope could be read.
    private func broken(_ record: Record, _ code: String, _ message: String) -> PoisonReason {
        let salvage = EnvelopeSalvage(record, limits: self.limits)
        return PoisonReason(code: code, message: message, id: salvage.id, envelope: salvage.envelope)
    }

    private func isStructured(_ record: Record, _ index: AttributeIndex) -> Bool {
        let position = index.positions[Attribute.contentType.rawValue]
        guard position >= 0 else { return false }
        let span = record.headers[Int(position)].value
        let prefix = StaticPrefix.cloudEvents
        guard Int(span.count) >= prefix.count else { return false }
        let start = Int(span.start)
        for offset in prefix.indices where record.bytes[start + offset] | 0x20 != prefix[offset] | 0x20 { return false }
        return true
    }

    private func finish(original: Record, view: Record, index: AttributeIndex) throws(PoisonReason) -> Envelope {
        let envelope = Envelope(original: original, view: view, index: index)
        let id = try self.checkedID(envelope)
        if let failure = self.brokenAttribute(envelope) {
            throw PoisonReason(
                code: failure.code, message: failure.message,
                id: String(decoding: view.bytes[id.range], as: UTF8.self),
                envelope: failure.code == "NOT_UTF8"
                    ? EnvelopeSalvage(view, limits: self.limits).envelope : envelope)
        }
        return envelope
    }

    private func checkedID(_ envelope: Envelope) throws(PoisonReason) -> ByteSpan {
        guard let span = envelope.span(.id), span.count > 0 else {
            throw PoisonReason(code: "MISSING_ATTRIBUTE", message: "ce_id is missing or empty")
        }
        guard Int(span.count) <= self.limits.idBytes else {
            throw PoisonReason(
                code: "ID_TOO_LONG",
                message: "ce_id has \(span.count) bytes, at most \(self.limits.idBytes) are allowed")
        }
        guard Self.isUTF8(envelope.view.bytes, span) else {
            throw PoisonReason(code: "NOT_UTF8", message: "ce_id is not UTF-8, or has a NUL in it")
        }
        return span
    }

    /// The rules beyond presence; one place so that the hot path is a handful of comparisons.
    private func brokenAttribute(_ envelope: Envelope) -> (code: String, message: String)? {
        let view = envelope.view
        for position in 0...Attribute.sagaid.rawValue {
            guard let span = envelope.span(at: position) else { continue }
            if !Self.isUTF8(view.bytes, span) {
                return (
                    "NOT_UTF8", "\(Attribute(rawValue: position)?.headerName ?? "") is not UTF-8, or has a NUL in it"
                )
            }
        }
        if !envelope.isFilled(.specversion) || !envelope.isFilled(.source) || !envelope.isFilled(.type) {
            let missing = [Attribute.specversion, .source, .type].first { !envelope.isFilled($0) }!
            return ("MISSING_ATTRIBUTE", "\(missing.headerName) is missing or empty")
        }
        if let version = envelope.span(.specversion), !Self.isVersion1(view.bytes, version) {
            return ("UNSUPPORTED_SPECVERSION", "ce_specversion must be 1.0")
        }
        if envelope.has(.expirytime), envelope.microseconds(.expirytime) == nil {
            return ("BAD_TIME", "ce_expirytime is not an RFC 3339 time")
        }
        if envelope.has(.notbefore), envelope.microseconds(.notbefore) == nil {
            return ("BAD_TIME", "ce_notbefore is not an RFC 3339 time")
        }
        if envelope.original.value.isNull {
            return ("TOMBSTONE", "the record has no value (a tombstone), so there is no command in it")
        }
        if Int(envelope.original.value.count) > self.limits.valueBytes {
            return (
                "VALUE_TOO_LARGE",
                "the value has \(envelope.original.value.count) bytes, at most \(self.limits.valueBytes) are allowed"
            )
        }
        return nil
    }

    private static func isVersion1(_ bytes: [UInt8], _ span: ByteSpan) -> Bool {
        let start = Int(span.start)
        return span.count == 3 && bytes[start] == 49 && bytes[start + 1] == 46 && bytes[start + 2] == 48
    }

    static func isUTF8(_ bytes: [UInt8], _ span: ByteSpan) -> Bool {
        for position in span.range where bytes[position] >= 0x80 || bytes[position] == 0 {
            return bytes[position] != 0 && String(validating: bytes[span.range], as: UTF8.self) != nil
                && !bytes[span.range].contains(0)
        }
        return true
    }

    // MARK: - Structured mode

    private func readStructured(_ record: Record) throws(PoisonReason) -> Envelope {
        guard !record.value.isNull else {
            throw PoisonReason(
                code: "TOMBSTONE", message: "the record has no value (a tombstone), so there is no command in it")
        }
        guard Int(record.value.count) <= self.limits.valueBytes else {
            throw self.unacceptable(
                record, "VALUE_TOO_LARGE",
                "the value has \(record.value.count) bytes, at most \(self.limits.valueBytes) are allowed")
        }
        let document: JSONDocument
        do {
            // The event itself is a level more than its data has.
            var limits = self.limits.json
            limits.maxDepth += 1
            document = try JSONDocument(bytes: record.bytes, range: record.value.range, limits: limits)
        } catch {
            let code =
                switch error.code {
                case .depth: "JSON_TOO_DEEP"
                case .duplicateKey: "DUPLICATE_KEY"
                default: "BAD_STRUCTURED_EVENT"
                }
            throw self.unacceptable(record, code, "the event is not acceptable JSON: \(error.message)")
        }
        let event = StructuredEvent(record: record, document: document)
        let view: Record
        do {
            view = try event.binaryView()
        } catch {
            throw self.broken(event.readableAttributes, error.code, error.message)
        }
        let index = try self.index(of: view)
        return try self.finish(original: record, view: view, index: index)
    }

    /// The event breaks a limit; its attributes may be readable all the same.
    private func unacceptable(_ record: Record, _ code: String, _ message: String) -> PoisonReason {
        let limits = JSONLimits(maxDepth: .max, maxBytes: .max, allowsDuplicateKeys: true)
        guard let document = try? JSONDocument(bytes: record.bytes, range: record.value.range, limits: limits) else {
            return PoisonReason(code: code, message: message)
        }
        return self.broken(StructuredEvent(record: record, document: document).readableAttributes, code, message)
    }
}

enum StaticPrefix {
    static let cloudEvents = Array("application/cloudevents".utf8)
}
