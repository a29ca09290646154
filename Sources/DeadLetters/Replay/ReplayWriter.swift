import Commands
import JSONCoding

/// Dead letters on their way.
package enum ReplayWriter {
    package static let counter = "adjutant-replays"

    /// The command as it first came: same key, value and headers; what was noted of its failure is off, and the replay
    /// is counted.
    package static func replay(_ letter: DeadLetter, into draft: inout OutgoingRecord) {
        self.replay(letter.record, replays: letter.replays, into: &draft)
    }

    /// - Parameter replays: How often it was replayed before.
    static func replay(_ record: Record, replays: Int, into draft: inout OutgoingRecord) {
        draft.copy(record) { !NoteName.isNote($0) }
        draft.addHeader("adjutant-replays") { bytes in
            let count = replays + 1
            if count < 10 { bytes.append(48 + UInt8(count)) } else { bytes.append(contentsOf: "\(count)".utf8) }
        }
    }

    /// Another command with changed data, in binary mode, caused by the old one.
    ///
    /// - Parameter data: JSON.
    /// - Returns: Its id: equal for equal data, so that a repeat can be told.
    package static func edited(
        _ letter: DeadLetter, data: [UInt8], into draft: inout OutgoingRecord
    ) -> String {
        let old = letter.id ?? letter.coordinate.description
        let id = Identifier.eventID(
            kind: "edited", commandID: "\(letter.coordinate) \(String(decoding: data, as: UTF8.self))")
        let view = letter.view
        draft.reset()
        draft.setKey(of: letter.record)
        var hasCorrelation = false
        for header in view.headers where !view[header.name].withUnsafeBufferPointer({ NoteName.isNote($0) }) {
            switch String(decoding: view[header.name], as: UTF8.self) {
            case "ce_id", "ce_causationid", "content-type": continue
            case "ce_correlationid": hasCorrelation = true
            default: break
            }
            draft.copyHeader(header, of: view)
        }
        draft.addHeader("ce_id", id)
        draft.addHeader("ce_causationid", old)
        if !hasCorrelation { draft.addHeader("ce_correlationid", old) }
        draft.addHeader("content-type", "application/json")
        draft.addHeader(self.counter, bytes: Array("\(letter.replays + 1)".utf8))
        draft.setValue(data)
        return id
    }

    /// Why a worker would read no command in what ``edited(_:data:into:)`` makes of the letter; nil when it would.
    package static func fault(ofEdited letter: DeadLetter, data: [UInt8], limits: EnvelopeLimits) -> String? {
        let missing = [Attribute.specversion, .source, .type].filter { letter.attribute($0)?.isEmpty ?? true }
            .map(\.headerName)
        guard missing.isEmpty else { return "the letter has no readable \(missing.joined(separator: ", "))" }
        var draft = OutgoingRecord()
        _ = self.edited(letter, data: data, into: &draft)
        return EnvelopeReader(limits: limits).fault(in: draft)
    }

    /// The letter itself, for the topic of parked letters.
    static func quarantine(_ letter: DeadLetter, at moment: Int64, into draft: inout OutgoingRecord) {
        draft.reset()
        draft.setKey(of: letter.record)
        for header in letter.record.headers { draft.copyHeader(header, of: letter.record) }
        draft.addHeader("adjutant-quarantined", RFC3339.format(moment))
        draft.addHeader("adjutant-letter", letter.coordinate.description)
        draft.setValue(of: letter.record)
    }
}
