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
        let fault = record.bytes.withUnsafeBufferPointer { bytes -> HeaderFault? in
            for (position, header) in record.headers.enumerated() {
                if header.value.count > largest || header.name.count > largest { return .tooLarge(position) }
                guard let attribute = names.attribute(bytes, header.name) else {
                    if AttributeNames.isCloudEvents(bytes, header.name) { index.hasExtensions = true }
                    continue
                }
                if attribute.isEnvelope, index.has(attribute) { return .repeated(attribute) }
                index.set(attribute, header.value)
            }
            return nil
        }
        switch fault {
        case .tooLarge(let position): throw self.headerTooLarge(record, position)
        case .repeated(let attribute):
            throw self.broken(
                record, "DUPLICATE_ATTRIBUTE", "header \(attribute.headerName) appears more than once")
        case nil: break
        }
        return index
    }

    private enum HeaderFault {
        /// By its position.
        case tooLarge(Int)
        case repeated(Attribute)
    }

    /// As documented at ``EnvelopeLimits/headers``.
    private static let mostHeaders = 112

    private func hasAllowedHeaders(_ record: Record, _ allowed: Int) -> Bool {
        guard record.headers.count <= allowed + 8 else { return false }
        let own = record.bytes.withUnsafeBufferPointer { bytes in
            record.headers.count { header in
                AttributeNames.shared.attribute(bytes, header.name).map { $0.isRetryControl || $0 == .replays } ?? false
            }
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
        guard let span = index.span(.contentType) else { return false }
        let prefix = Self.structuredPrefix
        guard Int(span.count) >= prefix.utf8CodeUnitCount else { return false }
        return record.bytes.withUnsafeBufferPointer { bytes in
            prefix.withUTF8Buffer { prefix in
                prefix.indices.allSatisfy { bytes[Int(span.start) + $0] | 0x20 == prefix[$0] | 0x20 }
            }
        }
    }

    private static let structuredPrefix: StaticString = "application/cloudevents"

    private func finish(original: Record, view: Record, index: AttributeIndex) throws(PoisonReason) -> Envelope {
        let (fault, isIDGood) = view.bytes.withUnsafeBufferPointer { bytes in
            let fault = self.faultOfID(index, bytes)
            return (fault ?? self.fault(index, bytes, value: original.value), fault == nil)
        }
        guard let fault else { return Envelope(original: original, view: view, index: index) }
        guard isIDGood else { throw PoisonReason(code: fault.code, message: fault.message) }
        let envelope = Envelope(original: original, view: view, index: index)
        throw PoisonReason(
            code: fault.code, message: fault.message, id: envelope.id,
            envelope: fault.code == "NOT_UTF8" ? EnvelopeSalvage(view, limits: self.limits).envelope : envelope)
    }

    private typealias Fault = (code: String, message: String)

    private func faultOfID(_ index: AttributeIndex, _ bytes: UnsafeBufferPointer<UInt8>) -> Fault? {
        guard let span = index.span(.id), span.count > 0 else {
            return ("MISSING_ATTRIBUTE", "ce_id is missing or empty")
        }
        guard Int(span.count) <= self.limits.idBytes else {
            return (
                "ID_TOO_LONG", "ce_id has \(span.count) bytes, at most \(self.limits.idBytes) are allowed"
            )
        }
        guard Self.isText(bytes[span]) else {
            return ("NOT_UTF8", "ce_id is not UTF-8, or has a NUL in it")
        }
        return nil
    }

    /// The rules beyond presence; one place so that the hot path is a handful of comparisons.
    private func fault(_ index: AttributeIndex, _ bytes: UnsafeBufferPointer<UInt8>, value: ByteSpan) -> Fault? {
        func attribute(_ attribute: Attribute) -> UnsafeBufferPointer<UInt8>? {
            index.span(attribute).map { bytes[$0] }
        }
        func isTime(_ time: Attribute) -> Bool {
            guard index.has(time) else { return true }
            return attribute(time).flatMap { RFC3339.parse(String(decoding: $0, as: UTF8.self)) } != nil
        }
        var left = index.present
        while left != 0 {
            let position = left.trailingZeroBitCount
            left &= left &- 1
            // Others than those of the envelope, which come after them, may hold anything.
            guard position <= Attribute.sagaid.rawValue else { break }
            if let span = index.span(at: position), !Self.isText(bytes[span]) {
                return (
                    "NOT_UTF8", "\(Attribute(rawValue: position)?.headerName ?? "") is not UTF-8, or has a NUL in it"
                )
            }
        }
        func isMissing(_ required: Attribute) -> Bool { attribute(required)?.isEmpty ?? true }
        if isMissing(.specversion) || isMissing(.source) || isMissing(.type) {
            let missing = [Attribute.specversion, .source, .type].first { isMissing($0) }!
            return ("MISSING_ATTRIBUTE", "\(missing.headerName) is missing or empty")
        }
        if let version = attribute(.specversion), !Self.isVersion1(version) {
            return ("UNSUPPORTED_SPECVERSION", "ce_specversion must be 1.0")
        }
        if !isTime(.expirytime) { return ("BAD_TIME", "ce_expirytime is not an RFC 3339 time") }
        if !isTime(.notbefore) { return ("BAD_TIME", "ce_notbefore is not an RFC 3339 time") }
        if value.isNull { return ("TOMBSTONE", "the record has no value (a tombstone), so there is no command in it") }
        if Int(value.count) > self.limits.valueBytes {
            return (
                "VALUE_TOO_LARGE",
                "the value has \(value.count) bytes, at most \(self.limits.valueBytes) are allowed"
            )
        }
        return nil
    }

    private static func isVersion1(_ version: UnsafeBufferPointer<UInt8>) -> Bool {
        version.count == 3 && version[0] == 49 && version[1] == 46 && version[2] == 48
    }

    /// Whether the bytes are UTF-8 without a NUL.
    static func isText(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(bytes)
        var position = 0
        while position + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            // Taking one from each byte sets the highest bit of a NUL, as it is set in what is not ASCII.
            guard (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 else { break }
            position += 8
        }
        while position < raw.count, raw[position] > 0, raw[position] < 0x80 { position += 1 }
        guard position < raw.count else { return true }
        return !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
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
