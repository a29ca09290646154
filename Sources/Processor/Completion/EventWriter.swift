import Commands
import JSONCoding

/// The events of `D.audit`.
package enum AuditEvent: String, Sendable, CaseIterable {
    case succeeded, failed, retried, deadlettered, duplicate, expired, scheduled, cancelled, replayed, discarded
    case compensated

    var ordinal: Int {
        switch self {
        case .succeeded: 0
        case .failed: 1
        case .retried: 2
        case .deadlettered: 3
        case .duplicate: 4
        case .expired: 5
        case .scheduled: 6
        case .cancelled: 7
        case .replayed: 8
        case .discarded: 9
        case .compensated: 10
        }
    }

    var type: StaticString {
        switch self {
        case .succeeded: "adjutant.command.succeeded"
        case .failed: "adjutant.command.failed"
        case .retried: "adjutant.command.retried"
        case .deadlettered: "adjutant.command.deadlettered"
        case .duplicate: "adjutant.command.duplicate"
        case .expired: "adjutant.command.expired"
        case .scheduled: "adjutant.command.scheduled"
        case .cancelled: "adjutant.command.cancelled"
        case .replayed: "adjutant.command.replayed"
        case .discarded: "adjutant.command.discarded"
        case .compensated: "adjutant.command.compensated"
        }
    }
}

/// Writes outcome events, audit events, retries and dead letters, byte by byte into a reused record.
struct EventWriter: Sendable {
    let worker: String
    let group: String
    private let workerBytes: [UInt8]

    init(worker: String, group: String) {
        self.worker = worker
        self.group = group
        self.workerBytes = Array(worker.utf8)
    }

    // MARK: - Outcome events

    func result(_ work: Work, output: [UInt8], into draft: inout OutgoingRecord) {
        self.result(work, work.envelope, work.slot.domain.headers, output: output, into: &draft)
    }

    /// The same for whoever has at hand what is the work's: each reading of it counts references.
    func result(
        _ work: Work, _ envelope: Envelope?, _ headers: EventHeaders, output: [UInt8], into draft: inout OutgoingRecord
    ) {
        draft.reset()
        self.setKey(work, envelope, in: &draft)
        let block = headers.succeeded(work.entryIndex) { Self.typeName(work) }
        self.addOutcomeHeaders(work, envelope, kind: "succeeded", block, to: &draft)
        draft.setValue(output)
    }

    func failure(_ work: Work, _ failure: AttemptFailure, into draft: inout OutgoingRecord) {
        draft.reset()
        self.setKey(work, work.envelope, in: &draft)
        let block = work.slot.domain.headers.failed(work.entryIndex, hasSubject: self.hasID(work)) {
            Self.typeName(work)
        }
        self.addOutcomeHeaders(work, work.envelope, kind: "failed", block, to: &draft)
        draft.writeJSON { writer in
            writer.beginObject()
            writer.key("class")
            writer.string(failure.failureClass.rawValue)
            writer.key("code")
            writer.string(failure.code)
            writer.key("message")
            writer.string(failure.message)
            writer.key("attempts")
            writer.int(work.attempt)
            writer.key("deadLettered")
            writer.bool(failure.failureClass.isDeadLettered)
            writer.key("errors")
            writer.beginArray()
            for problem in failure.problems {
                writer.beginObject()
                writer.key("path")
                writer.string(problem.path)
                writer.key("code")
                writer.string(problem.code)
                writer.key("message")
                writer.string(problem.message)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }

    private static func typeName(_ work: Work) -> String { work.envelope?.text(.type) ?? "unknown" }

    private func hasID(_ work: Work) -> Bool { work.poisonID != nil || work.envelope?.span(.id) != nil }

    private func addOutcomeHeaders(
        _ work: Work, _ envelope: Envelope?, kind: StaticString, _ block: HeaderBlock, to draft: inout OutgoingRecord
    ) {
        self.addEnvelope(work, envelope, kind: kind, attempt: 0, block, to: &draft)
        draft.addHeader("adjutant-attempt") { JSONInteger.append(work.attempt, to: &$0) }
        guard let envelope else { return }
        // Attributes that are nobody's here travel on as they came.
        if envelope.hasExtensions {
            for header in envelope.view.headers where envelope.isExtension(header) {
                draft.copyHeader(header, of: envelope.view)
            }
        }
        if envelope.has(.traceparent) || work.traceHeaders != nil { self.addTrace(work, envelope, to: &draft) }
    }

    /// The trace goes on with a span of this hop as the parent; the sender's state and baggage go along.
    private func addTrace(_ work: Work, _ envelope: Envelope, to draft: inout OutgoingRecord) {
        if let headers = work.traceHeaders, !headers.isEmpty {
            for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
                draft.addHeader(name, bytes: Array(value.utf8))
            }
            return
        }
        draft.addHeader("traceparent") { bytes in
            let parent = envelope.span(.traceparent).map { Array(envelope.view.bytes[$0.range]) } ?? []
            TraceParent.appendChild(of: parent, to: &bytes)
        }
        if let state = envelope.span(.tracestate) { draft.addHeader("tracestate", of: envelope.view, state) }
        if let baggage = envelope.span(.baggage) { draft.addHeader("baggage", of: envelope.view, baggage) }
    }

    // MARK: - Audit

    func audit(_ work: Work, _ event: AuditEvent, failure: AttemptFailure?, into draft: inout OutgoingRecord) {
        self.audit(work, work.envelope, work.slot.domain.headers, event, failure: failure, into: &draft)
    }

    func audit(
        _ work: Work, _ envelope: Envelope?, _ headers: EventHeaders, _ event: AuditEvent, failure: AttemptFailure?,
        into draft: inout OutgoingRecord
    ) {
        draft.reset()
        let id = envelope?.span(.id)
        let poisonID = id == nil ? work.poisonID : nil
        if let envelope, let id {
            draft.setKey(envelope.view.bytes, id)
        } else {
            draft.setKey((poisonID ?? work.origin.description).utf8)
        }
        self.addEnvelope(
            work, envelope, kind: event.type, attempt: Self.occasion(of: event, work),
            headers.audit(event, hasSubject: id != nil || poisonID != nil), to: &draft)
        if let envelope, envelope.has(.traceparent) || work.traceHeaders != nil {
            self.addTrace(work, envelope, to: &draft)
        }
        var face = draft.face
        defer { draft.face = face }
        draft.writeJSON { writer in
            writer.beginObject()
            writer.key("commandId")
            if let envelope, let id {
                writer.string(envelope.view.bytes, id)
            } else if let poisonID {
                writer.string(poisonID)
            } else {
                writer.null()
            }
            writer.key("type")
            if let envelope, let type = envelope.span(.type) {
                writer.string(envelope.view.bytes, type)
            } else {
                writer.null()
            }
            writer.key("key")
            Self.writeKey(work, envelope, to: &writer)
            writer.key("attempt")
            writer.int(work.attempt)
            writer.key("class")
            if let failure { writer.string(failure.failureClass.rawValue) } else { writer.null() }
            writer.key("code")
            if let failure { writer.string(failure.code) } else { writer.null() }
            writer.key("worker")
            writer.string(self.workerBytes)
            writer.key("origin")
            self.writeOrigin(work, to: &writer)
            writer.key("receivedAt")
            writer.timestamp(work.receivedAt, precision: .microseconds, on: &face)
            writer.key("startedAt")
            writer.timestamp(work.startedAt, precision: .microseconds, on: &face)
            writer.key("finishedAt")
            writer.timestamp(work.finishedAt, precision: .microseconds, on: &face)
            writer.endObject()
        }
    }

    /// What tells the events of one kind and one command apart, and is the same when one of them is sent again: the
    /// attempt; how often the start was put off; how many attempts of that number an outage made void before.
    private static func occasion(of event: AuditEvent, _ work: Work) -> Int {
        switch event {
        case .scheduled: max(1, work.postponements)
        case .retried: max(1, work.attempt) + work.heldBack << 32
        default: max(1, work.attempt)
        }
    }

    /// The key as text, or null when there is none or when it is not text.
    private static func writeKey(_ work: Work, _ envelope: Envelope?, to writer: inout JSONWriter) {
        if !work.record.key.isNull {
            self.writeText(work.record.bytes, work.record.key, to: &writer)
        } else if let envelope, let key = envelope.span(.partitionkey) {
            self.writeText(envelope.view.bytes, key, to: &writer)
        } else {
            writer.null()
        }
    }

    private static func writeText(_ bytes: [UInt8], _ span: ByteSpan, to writer: inout JSONWriter) {
        let isASCII = bytes.withUnsafeBufferPointer { $0[span.range].allSatisfy { $0 < 0x80 } }
        if isASCII {
            writer.string(bytes, span)
        } else if let text = String(validating: bytes[span.range], as: UTF8.self) {
            writer.string(text)
        } else {
            writer.null()
        }
    }

    private func writeOrigin(_ work: Work, to writer: inout JSONWriter) {
        writer.beginObject()
        if work.slot.isRetry {
            let origin = work.origin
            writer.key("topic")
            writer.string(origin.topic)
            writer.key("partition")
            writer.int(Int(origin.partition))
            writer.key("offset")
            writer.int(Int(origin.offset))
        } else {
            writer.key("topic")
            writer.string(work.record.topic)
            writer.key("partition")
            writer.int(Int(work.record.partition))
            writer.key("offset")
            writer.int(Int(work.record.offset))
        }
        writer.endObject()
    }

    // MARK: - Shared headers

    private func addEnvelope(
        _ work: Work, _ envelope: Envelope?, kind: StaticString, attempt: Int, _ block: HeaderBlock,
        to draft: inout OutgoingRecord
    ) {
        draft.addHeaders(block)
        let time = draft.putTime(work.finishedAt)
        draft.setHeader(EventHeaders.time, time)
        guard let envelope, let id = envelope.span(.id) else {
            let id = Array((work.poisonID ?? work.origin.description).utf8)
            let span = ByteSpan(start: 0, count: id.count)
            self.setID(kind: kind, id, span, attempt: attempt, in: &draft)
            if work.poisonID != nil { Self.setSubject(draft.put(id, span), correlation: nil, in: &draft) }
            return
        }
        let view = envelope.view
        self.setID(kind: kind, view.bytes, id, attempt: attempt, in: &draft)
        Self.setSubject(
            draft.put(view.bytes, id), correlation: envelope.span(.correlationid).map { draft.put(view.bytes, $0) },
            in: &draft)
        if let span = envelope.span(.actor) { draft.addHeader("ce_actor", of: view, span) }
        if let span = envelope.span(.tenant) { draft.addHeader("ce_tenant", of: view, span) }
        if let span = envelope.span(.batchid) { draft.addHeader("ce_batchid", of: view, span) }
        if let span = envelope.span(.sagaid) { draft.addHeader("ce_sagaid", of: view, span) }
    }

    private func setID(
        kind: StaticString, _ bytes: [UInt8], _ id: ByteSpan, attempt: Int, in draft: inout OutgoingRecord
    ) {
        let span = draft.putBytes {
            Identifier.appendEventID(kind: kind, commandID: bytes, id, attempt: attempt, to: &$0)
        }
        draft.setHeader(EventHeaders.id, span)
    }

    /// Three headers with the same bytes, unless the command names another correlation.
    private static func setSubject(_ id: ByteSpan, correlation: ByteSpan?, in draft: inout OutgoingRecord) {
        draft.setHeader(EventHeaders.subject, id)
        draft.setHeader(EventHeaders.causation, id)
        draft.setHeader(EventHeaders.correlation, correlation ?? id)
    }

    private func setKey(_ work: Work, _ envelope: Envelope?, in draft: inout OutgoingRecord) {
        if !work.record.key.isNull {
            draft.setKey(of: work.record)
        } else if let key = envelope?.orderingKey {
            draft.setKey(key)
        }
    }
}

extension OutgoingRecord {
    /// Writes the value as JSON straight into the record's buffer.
    mutating func writeJSON(_ body: (inout JSONWriter) -> Void) {
        self.writeValue { bytes in
            var taken: [UInt8] = []
            swap(&taken, &bytes)
            var writer = JSONWriter(appendingTo: taken)
            taken = []
            body(&writer)
            bytes = writer.finish()
        }
    }
}

extension JSONWriter {
    /// A string given as valid UTF-8, in a buffer.
    fileprivate mutating func string(_ bytes: [UInt8], _ span: ByteSpan) {
        bytes.withUnsafeBufferPointer { self.string(UnsafeBufferPointer(rebasing: $0[span.range])) }
    }
}

/// Decimal digits, without a String between.
enum JSONInteger {
    static func append(_ value: Int, to bytes: inout [UInt8]) {
        if value >= 0, value < 10 {
            bytes.append(48 + UInt8(value))
        } else {
            bytes.append(contentsOf: String(value).utf8)
        }
    }
}
