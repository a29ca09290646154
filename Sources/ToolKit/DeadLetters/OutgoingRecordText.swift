import Commands
import DeadLetters

/// What would be sent, as text.
struct OutgoingRecordText {
    private(set) var headers: [LetterView.Header] = []

    mutating func replay(_ letter: DeadLetter) {
        var draft = OutgoingRecord()
        ReplayWriter.replay(letter, into: &draft)
        self.headers = draft.headers.map { header in
            LetterView.Header(
                name: String(decoding: draft.bytes[header.name.range], as: UTF8.self),
                value: header.value.isNull ? nil : String(decoding: draft.bytes[header.value.range], as: UTF8.self))
        }
    }
}
