import Commands
import Testing

/// Each limit at one below, at it, and at one above.
@Suite struct EnvelopeLimitTests {
    private let reader = EnvelopeReader()

    @Test(arguments: [(127, nil), (128, nil), (129, "ID_TOO_LONG")] as [(Int, String?)])
    func theID(count: Int, code: String?) {
        #expect(self.reader.poison(record(["ce_id": String(repeating: "i", count: count)])) == code)
        let json = event("").replacing("c-1", with: String(repeating: "i", count: count))
        #expect(self.reader.poison(structured(json)) == code)
    }

    @Test(arguments: [(-1, nil), (0, nil), (1, "VALUE_TOO_LARGE c-1")] as [(Int, String?)])
    func theValue(excess: Int, code: String?) {
        let value = String(repeating: " ", count: 1_048_576 + excess)
        #expect(self.reader.poison(record(value: value)) == code)
    }

    @Test(arguments: [(-1, nil), (0, nil), (1, "VALUE_TOO_LARGE c-1")] as [(Int, String?)])
    func theStructuredValue(excess: Int, code: String?) {
        let json = event()
        let filled = json + String(repeating: " ", count: 1_048_576 + excess - json.utf8.count)
        #expect(self.reader.poison(structured(filled)) == code)
    }

    @Test(arguments: [(8191, nil), (8192, nil), (8193, "HEADER_TOO_LARGE c-1")] as [(Int, String?)])
    func aHeader(count: Int, code: String?) {
        let bytes = [UInt8](repeating: 0x61, count: count)
        #expect(self.reader.poison(record(extra: [("x", bytes)])) == code)
        #expect(self.reader.poison(record(extra: [(String(decoding: bytes, as: UTF8.self), [])])) == code)
        let json = event(#""actor":"\#(String(decoding: bytes, as: UTF8.self))""#)
        #expect(self.reader.poison(structured(json)) == code)
    }

    @Test(
        arguments: [(63, nil), (64, nil), (65, "TOO_MANY_HEADERS c-1"), (300, "TOO_MANY_HEADERS c-1")]
            as [(Int, String?)])
    func theHeaders(count: Int, code: String?) {
        let extra = (0..<count - 5).map { ("x-\($0)", [UInt8(0x61)] as [UInt8]?) }
        #expect(self.reader.poison(record(extra: extra)) == code)
    }

    /// Whose failure it is can still be told: the type, and what is carried on.
    @Test func whatIsReadableOfABrokenEnvelopeIsKept() throws {
        let many = (0..<300).map { ("x-\($0)", [UInt8(0x61)] as [UInt8]?) }
        let large = [("x", [UInt8](repeating: 0x61, count: 9000) as [UInt8]?)]
        let twice = [("ce_actor", [0x61] as [UInt8]?), ("ce_actor", [0x62])]
        let notText = [("ce_actor", [0xff] as [UInt8]?)]
        for extra in [many, large, twice, notText] {
            let envelope = try #require(self.reader.salvaged(record(extra: [("ce_tenant", [0x74])] + extra)))
            #expect(envelope.id == "c-1" && envelope.type == "test.run")
            #expect(envelope.text(.tenant) == "t" && !envelope.has(.actor))
        }
        #expect(self.reader.salvaged(record(extra: [("ce_id", [0x69])])) == nil)
        let event = try #require(self.reader.salvaged(structured(event(#""tenant":"t","actor":{}"#))))
        #expect(event.id == "c-1" && event.type == "test.run" && event.text(.tenant) == "t")
    }

    @Test func aRetrysOwnHeadersAreExtra() {
        let extra = (0..<59).map { ("x-\($0)", [UInt8(0x61)] as [UInt8]?) }
        let retry = [
            "adjutant-attempt", "adjutant-due", "adjutant-origin", "adjutant-first-failed", "adjutant-error-class",
            "adjutant-error-code",
        ].map { ($0, [UInt8(0x31)] as [UInt8]?) }
        #expect(self.reader.poison(record(extra: extra + retry)) == nil)
        #expect(self.reader.poison(record(extra: extra + retry + [("x", nil)])) == "TOO_MANY_HEADERS c-1")
        let many = (0..<200).map { _ in ("adjutant-attempt", [UInt8(0x31)] as [UInt8]?) }
        #expect(self.reader.poison(record(extra: many)) == "TOO_MANY_HEADERS c-1")
    }

    @Test func aGenerousLimitOfHeadersFindsAttributesAtTheEnd() throws {
        var limits = EnvelopeLimits()
        limits.headers = 1000
        let reader = EnvelopeReader(limits: limits)
        let extra = (0..<106).map { ("x-\($0)", [UInt8(0x61)] as [UInt8]?) }
        let envelope = try reader.read(record(extra: extra + [("ce_tenant", [0x74])]))
        #expect(envelope.text(.tenant) == "t")
        let more = (0..<140).map { ("x-\($0)", [UInt8(0x61)] as [UInt8]?) }
        #expect(reader.poison(record(extra: more)) == "TOO_MANY_HEADERS c-1")
    }

    @Test(
        arguments: [
            (63, nil), (64, nil), (65, "JSON_TOO_DEEP c-1"), (511, "JSON_TOO_DEEP c-1"), (512, "JSON_TOO_DEEP"),
        ]
            as [(Int, String?)])
    func theDepthOfAnEvent(depth: Int, code: String?) {
        let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(self.reader.poison(structured(event(#""data":\#(nested)"#))) == code)
    }
}
