import Commands
import DeadLetters
import JSONCoding
import Testing

@Suite struct ReplayWriterTests {
    private func sent(_ write: (inout OutgoingRecord) -> Void) -> Record {
        var draft = OutgoingRecord()
        write(&draft)
        return Record(draft, topic: "t")
    }

    @Test("Key, value and the command's own headers go as they came; notes are off, and the replay is counted")
    func replay() {
        let original = Letters.own(
            replays: 2, more: [("x-own", nil), ("x-own", Letters.bytes("2")), ("traceparent", Letters.bytes("00-a"))])
        let record = self.sent { ReplayWriter.replay(DeadLetter(original), into: &$0) }
        #expect(record.text(record.key) == "k" && record.text(record.value) == #"{"a":1}"#)
        let names = record.headers.map { record.text($0.name)! }
        #expect(
            names == [
                "content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "x-own", "x-own", "traceparent",
                "adjutant-replays",
            ])
        #expect(record.text(ofHeader: "adjutant-replays") == "3" && record.text(ofHeader: "ce_id") == "c-1")
    }

    @Test("Headers of a retry are taken off too, and headers without a value kept")
    func control() {
        let letter = Letters.foreign([
            ("ce_id", [105]), ("adjutant-attempt", [51]), ("adjutant-replays", [49]), ("own", nil),
        ])
        let record = self.sent { ReplayWriter.replay(DeadLetter(letter), into: &$0) }
        #expect(record.headers.map { record.text($0.name)! } == ["ce_id", "own", "adjutant-replays"])
        #expect(record.headers[1].value.isNull && record.text(ofHeader: "adjutant-replays") == "2")
    }

    @Test("Foreign notes are taken off too")
    func foreign() {
        for notes in [Letters.spring(), Letters.connect, Letters.streams] {
            let letter = DeadLetter(Letters.foreign(notes + [("mine", [1, 2])]))
            let record = self.sent { ReplayWriter.replay(letter, into: &$0) }
            #expect(record.headers.map { record.text($0.name)! } == ["mine", "adjutant-replays"])
            #expect(Array(record[record.key]) == [1, 2])
        }
    }

    @Test("A tombstone stays one")
    func tombstone() {
        let record = self.sent { ReplayWriter.replay(DeadLetter(Letters.foreign([], value: nil)), into: &$0) }
        #expect(record.value.isNull)
    }

    @Test("Changed data make another command, linked to the old one; equal changes have equal ids")
    func edited() throws {
        let letter = DeadLetter(Letters.own(replays: 1))
        var ids: [String] = []
        for data in [#"{"b":2}"#, #"{"b":2}"#, #"{"b":3}"#] {
            let record = self.sent { ids.append(ReplayWriter.edited(letter, data: Letters.bytes(data), into: &$0)) }
            let envelope = try EnvelopeReader().read(record)
            #expect(envelope.id == ids.last && envelope.type == "lab.run")
            #expect(envelope.text(.causationid) == "c-1" && envelope.text(.correlationid) == "c-1")
            #expect(record.text(record.value) == data && record.text(record.key) == "k")
            #expect(record.text(ofHeader: "adjutant-replays") == "2")
        }
        #expect(ids[0] == ids[1] && ids[0] != ids[2] && ids[0] != "c-1")
    }

    @Test("A structured event is changed into binary mode")
    func editedStructured() throws {
        let event =
            #"{"specversion":"1.0","id":"s-1","source":"t","type":"lab.run","correlationid":"x","tenant":"a","data":{"a":1}}"#
        let letter = DeadLetter(
            Letters.foreign(
                [("content-type", Letters.bytes("application/cloudevents+json"))], value: Letters.bytes(event)))
        let record = self.sent { _ = ReplayWriter.edited(letter, data: Letters.bytes(#"{"a":2}"#), into: &$0) }
        let envelope = try EnvelopeReader().read(record)
        #expect(envelope.type == "lab.run" && envelope.text(.tenant) == "a" && envelope.text(.correlationid) == "x")
        #expect(envelope.text(.causationid) == "s-1" && record.text(record.value) == #"{"a":2}"#)
    }

    @Test("A letter without an envelope cannot be edited into a command, and what it lacks is told")
    func editedWithoutEnvelope() {
        func fault(_ record: Record) -> String? {
            ReplayWriter.fault(ofEdited: DeadLetter(record), data: [0x7b, 0x7d], limits: EnvelopeLimits())
        }
        #expect(fault(Letters.own()) == nil)
        #expect(fault(Letters.foreign(Letters.spring()))?.contains("ce_specversion, ce_source, ce_type") == true)
        // Its id is its own anyway.
        #expect(fault(Letters.own(id: "")) == nil)
        #expect(fault(Letters.own(more: [("ce_source", Letters.bytes("other"))]))?.contains("more than once") == true)
        #expect(fault(Letters.own(more: [("ce_notbefore", Letters.bytes("soon"))]))?.contains("RFC 3339") == true)
        #expect(fault(Letters.own(type: "")) == "the letter has no readable ce_type")
    }

    @Test("Export and import give the same record, bytes that are no text included")
    func line() throws {
        let original = Letters.foreign(
            Letters.spring() + [("empty", []), ("null", nil)], partition: 2, offset: 5, value: [0xff, 0x00, 0x22])
        var bytes: [UInt8] = []
        LetterLine.write(DeadLetter(original), .discarded, to: &bytes)
        #expect(String(validating: bytes, as: UTF8.self) != nil && !bytes.contains(10))
        let back = try LetterLine.read(bytes[...])
        #expect(back.topic == "lab.dlt" && back.partition == 2 && back.offset == 5)
        #expect(back.timestamp == original.timestamp)
        #expect(Array(back[back.value]) == [0xff, 0x00, 0x22] && Array(back[back.key]) == [1, 2])
        #expect(back.headers.count == original.headers.count)
        for (left, right) in zip(back.headers, original.headers) {
            #expect(back[left.name].elementsEqual(original[right.name]))
            #expect(left.value.isNull == right.value.isNull)
            #expect(back[left.value].elementsEqual(original[right.value]))
        }
    }

    @Test("Base64 of every length", arguments: 0...8)
    func base64(count: Int) throws {
        let value = (0..<count).map { UInt8(0xf0 + $0) }
        var bytes: [UInt8] = []
        LetterLine.write(DeadLetter(Letters.foreign([], value: value)), .parked, to: &bytes)
        let back = try LetterLine.read(bytes[...])
        #expect(Array(back[back.value]) == value && !back.value.isNull)
    }

    @Test(
        "Lines that are no letters",
        arguments: [
            "", "[]", "{}", #"{"headers":{}}"#, #"{"headers":[{}]}"#, #"{"headers":[],"valueBase64":"a"}"#,
            #"{"headers":[],"value":5}"#,
        ])
    func badLine(text: String) {
        #expect(throws: DeadLetterError.self) { try LetterLine.read(Letters.bytes(text)[...]) }
    }
}
