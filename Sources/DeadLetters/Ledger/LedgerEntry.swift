import Commands
import JSONCoding

/// What one record of `D.dlt.jobs` says.
package enum LedgerEntry {
    case job(JobRecord)
    case batch(BatchRecord)
    case action(ActionRecord)
    case control(ControlRecord)

    /// Nil for records that are none of ours or cannot be read.
    package init?(_ record: Record) {
        guard let key = record.text(record.key), !record.value.isNull else { return nil }
        let parts = key.split(separator: "/")
        let value = record.bytes[record.value.range]
        func read<Value: Decodable>(_ make: (Value) -> LedgerEntry) -> LedgerEntry? {
            var limits = JSONLimits()
            limits.maxBytes = 1 << 26
            return (try? FastJSONDecoder(limits: limits).decode(Value.self, from: value)).map(make)
        }
        let entry: LedgerEntry? =
            switch (parts.first, parts.count) {
            case ("job", 2): read(LedgerEntry.job)
            case ("job", 3): read(LedgerEntry.batch)
            case ("action", 3): read(LedgerEntry.action)
            case ("control", 2): read(LedgerEntry.control)
            default: nil
            }
        guard let entry else { return nil }
        self = entry
    }

    /// What was done about a number of letters.
    package struct Mark {
        package var topic: String
        package var letters: LetterSet
        package var state: LetterState
        /// Microseconds since 1970.
        package var at: Int64
    }

    package var marks: [Mark] {
        switch self {
        case .batch(let batch) where batch.phase == .done:
            [
                Mark(topic: batch.topic, letters: batch.letters, state: .replayed, at: batch.at),
                Mark(topic: batch.topic, letters: batch.quarantined, state: .quarantined, at: batch.at),
            ].filter { !$0.letters.isEmpty }
        case .action(let action):
            [Mark(topic: action.topic, letters: action.letters, state: action.kind.state, at: action.at)]
        case .batch, .job, .control: []
        }
    }
}
