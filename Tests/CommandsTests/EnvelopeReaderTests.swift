import Commands
import Testing

/// Binary mode.
@Suite struct EnvelopeReaderTests {
    private let reader = EnvelopeReader()

    @Test func aCommandIsRead() throws {
        let envelope = try self.reader.read(
            record([
                "ce_time": "2026-01-01T00:00:00Z", "ce_subject": "s", "ce_correlationid": "corr", "ce_actor": "ä",
                "ce_expirytime": "2026-01-01T00:00:01.5Z", "traceparent": "tp", "ce_shoesize": "42", "x": "y",
            ]))
        #expect(envelope.id == "c-1")
        #expect(envelope.type == "test.run")
        #expect(envelope.text(.source) == "tests")
        #expect(envelope.text(.actor) == "ä")
        #expect(envelope.text(.traceparent) == "tp")
        #expect(envelope.microseconds(.expirytime) == 1_767_225_601_500_000)
        #expect(envelope.text(.tenant) == nil)
        #expect(envelope.orderingKeyText == "k")
        #expect(envelope.withBytes { $0.hasExtensions })
        #expect(envelope.view === envelope.original)
        let extensions = envelope.view.headers.filter { envelope.isExtension($0) }
        #expect(extensions.map { envelope.view.text($0.name) } == ["ce_shoesize"])
        #expect(try self.reader.read(record()).withBytes { !$0.hasExtensions })
    }

    @Test(arguments: ["ce_specversion", "ce_source", "ce_type"])
    func aRequiredAttributeIsMissing(name: String) {
        #expect(self.reader.poison(record([name: String?.none])) == "MISSING_ATTRIBUTE c-1")
        #expect(self.reader.poison(record([name: ""])) == "MISSING_ATTRIBUTE c-1")
        let null = record([name: String?.none], extra: [(name, nil)])
        #expect(self.reader.poison(null) == "MISSING_ATTRIBUTE c-1")
    }

    @Test func withoutAnIDNothingIsKnown() {
        #expect(self.reader.poison(record(["ce_id": String?.none])) == "MISSING_ATTRIBUTE")
        #expect(self.reader.poison(record(["ce_id": ""])) == "MISSING_ATTRIBUTE")
        #expect(self.reader.poison(record(["ce_id": String?.none], extra: [("ce_id", nil)])) == "MISSING_ATTRIBUTE")
        #expect(self.reader.poison(Record(topic: "t", value: nil)) == "MISSING_ATTRIBUTE")
    }

    @Test(arguments: ["", "1", "1.1", "0.3", "1.0 ", "10"])
    func onlyOneVersionIsKnown(version: String) {
        let expected = version.isEmpty ? "MISSING_ATTRIBUTE c-1" : "UNSUPPORTED_SPECVERSION c-1"
        #expect(self.reader.poison(record(["ce_specversion": version])) == expected)
    }

    @Test(arguments: ["ce_type", "ce_subject", "ce_sagaid", "ce_replyto", "ce_time"])
    func attributesAreText(name: String) {
        for bytes: [UInt8] in [[0xff], [0x61, 0xc3], [0x61, 0], [0xed, 0xa0, 0x80]] {
            let broken = record([name: String?.none], extra: [(name, bytes)])
            #expect(self.reader.poison(broken) == "NOT_UTF8 c-1")
        }
    }

    @Test func anIDThatIsNoTextIsNoID() {
        for bytes: [UInt8] in [[0xff], [0x61, 0]] {
            #expect(self.reader.poison(record(["ce_id": String?.none], extra: [("ce_id", bytes)])) == "NOT_UTF8")
        }
    }

    @Test func headersOfOthersMayHoldAnything() throws {
        let envelope = try self.reader.read(record(extra: [("x", [0xff, 0]), ("x", nil), ("ce_other", [0xff])]))
        #expect(envelope.withBytes { $0.hasExtensions })
    }

    @Test(arguments: ["ce_specversion", "ce_source", "ce_type", "ce_subject", "ce_partitionkey"])
    func anAttributeAppearsOnce(name: String) {
        let twice = record([name: "1.0"], extra: [(name, Array("1.0".utf8))])
        #expect(self.reader.poison(twice) == "DUPLICATE_ATTRIBUTE c-1")
    }

    @Test func twoIDsAreNone() {
        #expect(self.reader.poison(record(extra: [("ce_id", Array("c-2".utf8))])) == "DUPLICATE_ATTRIBUTE")
        let both = record(["ce_subject": "a"], extra: [("ce_subject", [0x61]), ("ce_id", [0x61])])
        #expect(self.reader.poison(both) == "DUPLICATE_ATTRIBUTE")
    }

    @Test(arguments: ["ce_expirytime", "ce_notbefore"])
    func timesAreTimes(name: String) {
        for text in ["", "tomorrow", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"] {
            #expect(self.reader.poison(record([name: text])) == "BAD_TIME c-1")
        }
        for text in ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456789+05:30", "9999-12-31T23:59:59Z"] {
            #expect(self.reader.poison(record([name: text])) == nil)
        }
    }

    @Test func aTombstoneIsNoCommand() {
        #expect(self.reader.poison(record(value: nil)) == "TOMBSTONE c-1")
        #expect(self.reader.poison(record(value: "")) == nil)
    }

    /// What can be said of a broken command is said: its failure event needs it.
    @Test func theReasonCarriesWhatCanBeRead() throws {
        let reason = #expect(throws: PoisonReason.self) {
            try self.reader.read(record(["ce_correlationid": "corr"], value: nil))
        }
        #expect(reason?.envelope?.type == "test.run")
        #expect(reason?.envelope?.text(.correlationid) == "corr")
        let unreadable = #expect(throws: PoisonReason.self) {
            try self.reader.read(record(["ce_subject": "a\u{0}"]))
        }
        #expect(unreadable?.envelope?.type == "test.run")
        #expect(unreadable?.envelope?.has(.subject) == false)
    }

    @Test func theRecordsKeyComesFirst() throws {
        let other = ["ce_partitionkey": "pk"] as [String: String?]
        #expect(try self.reader.read(record(other)).orderingKeyText == "k")
        #expect(try self.reader.read(record(other, key: nil)).orderingKeyText == "pk")
        #expect(try self.reader.read(record(key: nil)).orderingKeyText == nil)
        #expect(try self.reader.read(record(other, key: "")).orderingKeyText == "")
        #expect(self.reader.orderingKey(of: record(other, key: nil)).map { Array($0) } == Array("pk".utf8))
        #expect(self.reader.orderingKey(of: record(["ce_id": String?.none], key: nil)) == nil)
        #expect(self.reader.orderingKey(of: record(["ce_id": String?.none])).map { Array($0) } == Array("k".utf8))
    }

    @Test func messagesHoldNoContent() throws {
        let secret = "s3cret"
        for broken in [
            record(["ce_specversion": secret]), record(["ce_expirytime": secret]),
            record(["ce_id": String(repeating: secret, count: 30)]), record(["ce_subject": secret + "\u{0}"]),
            structured(#"{"id":["s3cret"]}"#), structured("s3cret"), structured(#"{"data_base64":"s3cret!"}"#),
        ] {
            let reason = #expect(throws: PoisonReason.self) { try self.reader.read(broken) }
            #expect(reason?.message.contains(secret) == false)
        }
    }
}
