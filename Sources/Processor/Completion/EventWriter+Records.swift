import Commands
import JSONCoding

extension EventWriter {
    /// The command again, as it came, for a retry topic.
    func retry(_ work: Work, due: Int64, into draft: inout OutgoingRecord) {
        draft.reset()
        let record = work.record
        draft.setKey(of: record)
        for header in record.headers where !self.isOurs(header, of: record, deadLetter: false) {
            draft.copyHeader(header, of: record)
        }
        draft.addHeader("adjutant-attempt", "\(work.attempt)")
        draft.addHeader("adjutant-due", "\(due)")
        draft.addHeader("adjutant-origin", work.origin.description)
        if work.firstFailedAt > 0 {
            draft.addHeader("adjutant-first-failed") { RFC3339.append(work.firstFailedAt, to: &$0) }
        }
        if work.postponements > 0 { draft.addHeader("adjutant-postponements", "\(work.postponements)") }
        if let failure = work.lastFailure {
            draft.addHeader("adjutant-error-class", failure.failureClass.rawValue)
            draft.addHeader("adjutant-error-code", failure.code)
        }
        draft.setValue(of: record)
    }

    /// The record as it came, with what is known of its failure (KIP-1191 and Adjutant's own headers).
    func deadLetter(_ work: Work, _ failure: AttemptFailure, into draft: inout OutgoingRecord) {
        draft.reset()
        let record = work.record
        draft.setKey(of: record)
        for header in record.headers where !self.isOurs(header, of: record, deadLetter: true) {
            draft.copyHeader(header, of: record)
        }
        let origin = work.origin
        draft.addHeader("__dlq.errors.topic", origin.topic)
        draft.addHeader("__dlq.errors.partition", "\(origin.partition)")
        draft.addHeader("__dlq.errors.offset", "\(origin.offset)")
        draft.addHeader("__dlq.errors.group", self.group)
        draft.addHeader("__dlq.errors.delivery.count", "\(max(1, work.attempt))")
        draft.addHeader("__dlq.errors.message", Self.message(failure))
        draft.addHeader("adjutant-error-class", failure.failureClass.rawValue)
        draft.addHeader("adjutant-error-code", failure.code)
        draft.addHeader("adjutant-first-failed") {
            RFC3339.append(work.firstFailedAt > 0 ? work.firstFailedAt : work.finishedAt, to: &$0)
        }
        draft.addHeader("adjutant-failed") { RFC3339.append(work.finishedAt, to: &$0) }
        draft.addHeader("adjutant-replays", "\(Self.replays(of: record))")
        draft.addHeader(
            "adjutant-fingerprint",
            Fingerprint.make(
                failureClass: failure.failureClass, code: failure.code, type: work.envelope?.type ?? "",
                message: failure.message))
        draft.setValue(of: record)
    }

    /// Code and message, at most 1 KiB.
    private static func message(_ failure: AttemptFailure) -> String {
        let text = failure.message.isEmpty ? failure.code : "\(failure.code): \(failure.message)"
        return text.cut(toBytes: 1024)
    }

    /// How often the command was replayed: its own header, as far as it is a sane number.
    private static func replays(of record: Record) -> Int {
        record.header(named: Attribute.replays.headerName).flatMap { record.text($0) }.flatMap { Int($0) }
            .map { min(max($0, 0), 1_000_000) } ?? 0
    }

    /// Headers that are written anew: single-valued, so that they do not pile up over retries and replays.
    private func isOurs(_ header: HeaderSpan, of record: Record, deadLetter: Bool) -> Bool {
        let name = record.bytes[header.name.range]
        if name.starts(with: "adjutant-".utf8) {
            let rest = name.dropFirst("adjutant-".utf8.count)
            if rest.elementsEqual("replays".utf8) { return deadLetter }
            return Self.controlNames.contains { rest.elementsEqual($0) }
        }
        return deadLetter && name.starts(with: "__dlq.errors.".utf8)
    }

    private static let controlNames: [[UInt8]] = [
        "attempt", "due", "origin", "first-failed", "postponements", "error-class", "error-code", "failed",
        "fingerprint",
    ].map { Array($0.utf8) }
}
