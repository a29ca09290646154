import Commands
import Testing

@Suite struct OutgoingRecordTests {
    private func text(_ record: OutgoingRecord, _ span: ByteSpan) -> String? {
        span.isNull ? nil : String(decoding: record.bytes[span.range], as: UTF8.self)
    }

    private func headers(_ record: OutgoingRecord) -> [String] {
        record.headers.map { "\(self.text(record, $0.name)!)=\(self.text(record, $0.value) ?? "<null>")" }
    }

    @Test func whatIsPutInComesOut() {
        var draft = OutgoingRecord()
        #expect(draft.key.isNull && draft.value.isNull)
        draft.setKey("key".utf8)
        draft.addHeader("a", "1")
        draft.addHeader("b" as StaticString, bytes: [0x32])
        draft.addHeader("c") { $0.append(contentsOf: "33".utf8) }
        draft.addHeader("d" as String, bytes: nil)
        draft.addHeader("a", "")
        draft.writeValue { $0.append(contentsOf: "value".utf8) }
        #expect(self.text(draft, draft.key) == "key")
        #expect(self.text(draft, draft.value) == "value")
        #expect(self.headers(draft) == ["a=1", "b=2", "c=33", "d=<null>", "a="])
        draft.reset()
        #expect(draft.key.isNull && draft.value.isNull && draft.headers.isEmpty && draft.bytes.isEmpty)
    }

    @Test func recordsAreCopiedAsTheyAre() {
        let source = Record(
            topic: "t", key: [], value: nil, headers: [("a", nil), ("a", [0xff]), ("", []), ("a", [0x31])])
        var draft = OutgoingRecord()
        draft.setKey(of: source)
        for header in source.headers { draft.copyHeader(header, of: source) }
        draft.setValue(of: source)
        #expect(draft.key.count == 0)
        #expect(draft.value.isNull)
        #expect(draft.headers.map(\.value.count) == [-1, 1, 0, 1])
        #expect(self.headers(draft)[0] == "a=<null>")
    }

    @Test func aValueIsTruncatedOnce() {
        var draft = OutgoingRecord()
        draft.addHeader("a", "1")
        draft.setValue([UInt8](repeating: 0x78, count: 5000))
        let isCut = draft.truncateValue()
        #expect(isCut)
        #expect(draft.value.count < 200)
        #expect(self.headers(draft).first == "a=1")
        #expect(self.headers(draft).contains { $0.hasPrefix("adjutant-truncated=") })
        let isCutAgain = draft.truncateValue()
        #expect(!isCutAgain)
        var empty = OutgoingRecord()
        let isNothing = empty.truncateValue()
        #expect(!isNothing)
    }
}
