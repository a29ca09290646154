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
final class EventWriter: Sendable {
    let worker: String
    let group: String
    private let workerBytes: [UInt8]

    init(worker: String, group: String) {
        self.worker = worker
        self.group = group
        self.workerBytes = Array(worker.utf8)
    }

    // MARK: - Outcome events

    /// - Parameters:
    ///   - command: Where the work's envelope lies; given, and the headers too, as each reading of the work's own counts
    ///     references. Nil when there is no readable one.
    func result(
        _ work: Work, _ command: EnvelopeBytes?, _ headers: EventHeaders, output: [UInt8],
        into draft: inout OutgoingRecord
    ) {
        draft.reset()
        Self.setKey(work, command, in: &draft)
        let block = headers.succeeded(work.entryIndex) { Self.typeName(work) }
        self.addOutcomeHeaders(work, command, kind: "succeeded", block, to: &draft)
        draft.setValue(output)
    }

    func failure(_ work: Work, _ failure: AttemptFailure, into draft: inout OutgoingRecord) {
        draft.reset()
        work.withEnvelopeBytes { command in
            Self.setKey(work, command, in: &draft)
            let hasID = work.poisonID != nil || command?[.id] != nil
            let block = work.slot.domain.headers.failed(work.entryIndex, hasSubject: hasID) { Self.typeName(work) }
            self.addOutcomeHeaders(work, command, kind: "failed", block, to: &draft)
        }
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

    private func addOutcomeHeaders(
        _ work: Work, _ command: EnvelopeBytes?, kind: StaticString, _ block: HeaderBlock,
        to draft: inout OutgoingRecord
    ) {
        self.addEnvelope(work, command, kind: kind, attempt: 0, block, to: &draft)
        draft.addHeader("adjutant-attempt") { JSONInteger.append(work.attempt, to: &$0) }
        guard let command else { return }
        // Attributes that are nobody's here travel on as they came.
        if command.hasExtensions, let envelope = work.envelope {
            for header in envelope.view.headers where envelope.isExtension(header) {
                draft.copyHeader(header, of: envelope.view)
            }
        }
        if command.has(.traceparent) || work.traceHeaders != nil { self.addTrace(work, command, to: &draft) }
    }

    /// The trace goes on with a span of this hop as the parent; the sender's state and baggage go along.
    private func addTrace(_ work: Work, _ command: EnvelopeBytes, to draft: inout OutgoingRecord) {
        if let headers = work.traceHeaders, !headers.isEmpty {
            for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
                draft.addHeader(name, bytes: Array(value.utf8))
            }
            return
        }
        draft.addHeader("traceparent") { bytes in
            TraceParent.appendChild(of: command[.traceparent].map { Array($0) } ?? [], to: &bytes)
        }
        if let state = command[.tracestate] { draft.addHeader("tracestate", state) }
        if let baggage = command[.baggage] { draft.addHeader("baggage", baggage) }
    }

    // MARK: - Audit

    func audit(_ work: Work, _ event: AuditEvent, failure: AttemptFailure?, into draft: inout OutgoingRecord) {
        work.withEnvelopeBytes { command in
            self.audit(work, command, work.slot.domain.headers, event, failure: failure, into: &draft)
        }
    }

    func audit(
        _ work: Work, _ command: EnvelopeBytes?, _ headers: EventHeaders, _ event: AuditEvent, failure: AttemptFailure?,
        into draft: inout OutgoingRecord
    ) {
        draft.reset()
        let id = command?[.id]
        let poisonID = id == nil ? work.poisonID : nil
        if let id { draft.setKey(id) } else { draft.setKey((poisonID ?? work.origin.description).utf8) }
        self.addEnvelope(
            work, command, kind: event.type, attempt: Self.occasion(of: event, work),
            headers.audit(event, hasSubject: id != nil || poisonID != nil), to: &draft)
        if let command, command.has(.traceparent) || work.traceHeaders != nil {
            self.addTrace(work, command, to: &draft)
        }
        var face = draft.face
        defer { draft.face = face }
        draft.writeJSON { writer in
            writer.beginObject()
            writer.key("commandId")
            if let id {
                writer.string(id)
            } else if let poisonID {
                writer.string(poisonID)
            } else {
                writer.null()
            }
            writer.key("type")
            if let type = command?[.type] { writer.string(type) } else { writer.null() }
            writer.key("key")
            Self.writeKey(work, command, to: &writer)
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
    private static func writeKey(_ work: Work, _ command: EnvelopeBytes?, to writer: inout JSONWriter) {
        if let command {
            if let key = command.key { self.writeText(key, to: &writer) } else { writer.null() }
        } else if !work.record.key.isNull {
            work.record.bytes.withUnsafeBufferPointer {
                self.writeText($0[work.record.key], to: &writer)
            }
        } else {
            writer.null()
        }
    }

    private static func writeText(_ bytes: UnsafeBufferPointer<UInt8>, to writer: inout JSONWriter) {
        if bytes.allSatisfy({ $0 < 0x80 }) {
            writer.string(bytes)
        } else if let text = String(validating: bytes, as: UTF8.self) {
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
            writer.string(work.slot.partition.topic)
            writer.key("partition")
            writer.int(Int(work.slot.partition.partition))
            writer.key("offset")
            writer.int(Int(work.offset))
        }
        writer.endObject()
    }

    // MARK: - Shared headers

    private func addEnvelope(
        _ work: Work, _ command: EnvelopeBytes?, kind: StaticString, attempt: Int, _ block: HeaderBlock,
        to draft: inout OutgoingRecord
    ) {
        draft.addHeaders(block)
        let time = draft.putTime(work.finishedAt)
        draft.setHeader(EventHeaders.time, time)
        guard let command, let id = command[.id] else {
            let hasID = work.poisonID != nil
            var id = work.poisonID ?? work.origin.description
            id.withUTF8 { id in
                self.setID(kind: kind, id, attempt: attempt, in: &draft)
                if hasID { Self.setSubject(draft.put(id), correlation: nil, in: &draft) }
            }
            return
        }
        self.setID(kind: kind, id, attempt: attempt, in: &draft)
        Self.setSubject(
            draft.put(id), correlation: command[.correlationid].map { draft.put($0) }, in: &draft)
        if let actor = command[.actor] { draft.addHeader("ce_actor", actor) }
        if let tenant = command[.tenant] { draft.addHeader("ce_tenant", tenant) }
        if let batch = command[.batchid] { draft.addHeader("ce_batchid", batch) }
        if let saga = command[.sagaid] { draft.addHeader("ce_sagaid", saga) }
    }

    private func setID(
        kind: StaticString, _ id: UnsafeBufferPointer<UInt8>, attempt: Int, in draft: inout OutgoingRecord
    ) {
        let span = draft.putBytes {
            Identifier.appendEventID(kind: kind, commandID: id, attempt: attempt, to: &$0)
        }
        draft.setHeader(EventHeaders.id, span)
    }

    /// Three headers with the same bytes, unless the command names another correlation.
    private static func setSubject(_ id: ByteSpan, correlation: ByteSpan?, in draft: inout OutgoingRecord) {
        draft.setHeader(EventHeaders.subject, id)
        draft.setHeader(EventHeaders.causation, id)
        draft.setHeader(EventHeaders.correlation, correlation ?? id)
    }

    private static func setKey(_ work: Work, _ command: EnvelopeBytes?, in draft: inout OutgoingRecord) {
        if let command {
            if let key = command.key { draft.setKey(key) }
        } else {
            draft.setKey(of: work.record)
        }
    }
}

extension Work {
    /// Calls with where the attributes and the key of the command lie; nil when it has no readable envelope.
    func withEnvelopeBytes<Result>(_ body: (EnvelopeBytes?) -> Result) -> Result {
        guard let envelope = self.envelope else { return body(nil) }
        return envelope.withBytes { body($0) }
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
