import Commands

/// A dead letter on its way back.
enum Replay {
    /// The record as it first came, for the commands topic: same key, value and headers; what was noted of its failure
    /// is off, and the replay is counted.
    static func write(_ letter: Record, into record: inout OutgoingRecord) {
        record.reset()
        record.setKey(of: letter)
        for header in letter.headers where !self.isNote(letter[header.name]) { record.copyHeader(header, of: letter) }
        let replays = letter.header(named: self.counter).flatMap { letter.text($0) }.flatMap { Int($0) } ?? 0
        record.addHeader(self.counter, bytes: Array("\(max(0, min(replays, 1_000_000)) + 1)".utf8))
        record.setValue(of: letter)
    }

    static let counter = "adjutant-replays"

    private static func isNote(_ name: ArraySlice<UInt8>) -> Bool {
        name.starts(with: "__dlq.errors.".utf8) || name.starts(with: "adjutant-".utf8)
    }
}
