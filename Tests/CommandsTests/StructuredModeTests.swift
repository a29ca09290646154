import Commands
import Foundation
import Testing

@Suite struct StructuredModeTests {
    private let reader = EnvelopeReader()

    @Test(arguments: [
        "application/cloudevents+json", "APPLICATION/CloudEvents+JSON; charset=utf-8", "application/cloudevents",
    ])
    func theContentTypeSaysSoInAnyCase(type: String) throws {
        let envelope = try self.reader.read(structured(event(#""data":{"a": 1}"#), contentType: type))
        #expect(envelope.id == "c-1")
        #expect(envelope.type == "test.run")
        #expect(envelope.data == #"{"a": 1}"#)
        #expect(envelope.text(.contentType) == "application/json")
        #expect(envelope.view !== envelope.original)
    }

    @Test(arguments: ["application/json", "application/cloudevent", "text/application/cloudevents", ""])
    func otherContentTypesAreBinary(type: String) {
        #expect(self.reader.poison(structured(event(), contentType: type)) == "MISSING_ATTRIBUTE")
    }

    @Test func attributesAndHeadersComeThrough() throws {
        let envelope = try self.reader.read(
            structured(
                event(#""actor":"ä","shoesize":42,"big":true,"tenant":null,"partitionkey":"pk","data":[]"#),
                extra: [("traceparent", Array("tp".utf8)), ("adjutant-attempt", Array("2".utf8)), ("x", [0xff])]))
        #expect(envelope.text(.actor) == "ä")
        #expect(envelope.text(.tenant) == nil)
        #expect(envelope.text(.traceparent) == "tp")
        #expect(envelope.integer(.attempt) == 2)
        #expect(envelope.orderingKeyText == "pk")
        let extensions = envelope.view.headers.filter { envelope.isExtension($0) }
        #expect(
            extensions.map { "\(envelope.view.text($0.name)!)=\(envelope.view.text($0.value)!)" } == [
                "ce_shoesize=42", "ce_big=true",
            ])
    }

    @Test func theOriginalStaysAsItIs() throws {
        let original = structured(event(), key: "k")
        let envelope = try self.reader.read(original)
        #expect(envelope.original === original)
        #expect(envelope.orderingKeyText == "k")
    }

    @Test func dataMayBeBase64() throws {
        let encoded = Data(#"{"a":1}"#.utf8).base64EncodedString()
        let envelope = try self.reader.read(structured(event(#""data_base64":"\#(encoded)""#)))
        #expect(envelope.data == #"{"a":1}"#)
    }

    @Test func withoutDataThereAreNoParameters() throws {
        #expect(try self.reader.read(structured(event(""))).data == "{}")
        #expect(try self.reader.read(structured(event(#""data":null"#))).data == "null")
    }

    @Test func theDatasContentTypeIsTheEvents() throws {
        let envelope = try self.reader.read(structured(event(#""datacontenttype":"text/plain","data":"x""#)))
        #expect(envelope.text(.contentType) == "text/plain")
    }

    @Test(arguments: [
        ("", "BAD_STRUCTURED_EVENT"), ("[]", "BAD_STRUCTURED_EVENT"), ("{", "BAD_STRUCTURED_EVENT"),
        (#"{"id":"a","id":"b"}"#, "DUPLICATE_KEY"), (event(#""data":{"a":1,"a":2}"#), "DUPLICATE_KEY c-1"),
        ("null", "BAD_STRUCTURED_EVENT"),
        (event("", without: "id"), "MISSING_ATTRIBUTE"), (event("", without: "type"), "MISSING_ATTRIBUTE c-1"),
        (event("", without: "source"), "MISSING_ATTRIBUTE c-1"),
        (event("", without: "specversion"), "MISSING_ATTRIBUTE c-1"),
        (event(#""actor":{}"#), "BAD_ATTRIBUTE c-1"), (event(#""actor":["a"]"#), "BAD_ATTRIBUTE c-1"),
        (event(#""data":1,"data_base64":"MQ==""#), "BAD_STRUCTURED_EVENT c-1"),
        (event(#""data_base64":"%%%""#), "BAD_STRUCTURED_EVENT c-1"),
        (event(#""data_base64":5"#), "BAD_STRUCTURED_EVENT c-1"),
        (event(#""subject":"a\u0000b""#), "NOT_UTF8 c-1"),
        (event(#""notbefore":"soon""#), "BAD_TIME c-1"),
        (event(#""subject":"\ud800""#), "BAD_STRUCTURED_EVENT"),
    ])
    func whatIsNoEventIsPoison(json: String, code: String) {
        #expect(self.reader.poison(structured(json)) == code)
    }

    @Test func aTombstoneIsNoEvent() { #expect(self.reader.poison(structured(nil)) == "TOMBSTONE") }

    @Test func anUnsupportedVersionIsSaid() {
        let json = event().replacing("1.0", with: "2.0")
        #expect(self.reader.poison(structured(json)) == "UNSUPPORTED_SPECVERSION c-1")
    }

    /// Every beginning of an event, and every byte of it changed: an answer, never a crash.
    @Test func brokenEventsAreNoCrash() {
        let bytes = Array(event(#""actor":"ä\u00e4","n":-1.5e3,"data":{"a":[1,true,null]}"#).utf8)
        for count in bytes.indices {
            for change: UInt8? in [nil, 0, 0x22, 0x7b, 0xff] {
                var broken = Array(bytes[...count])
                if let change { broken = bytes; broken[count] = change }
                _ = self.reader.poison(
                    Record(
                        topic: "t", value: broken,
                        headers: [("content-type", Array("application/cloudevents+json".utf8))]))
            }
        }
    }
}
