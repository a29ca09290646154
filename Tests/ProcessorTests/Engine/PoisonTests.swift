import Commands
import Processor
import Testing

/// Records that hold no readable command: parked with their bytes, and the ones behind them handled.
@Suite(.timeLimit(.minutes(10))) struct PoisonTests {
    private func run(
        key: [UInt8]? = [1, 0xff, 0], value: [UInt8]?, headers: [(String, [UInt8]?)], failures: Int
    ) async throws -> Harness {
        let harness = try Harness()
        harness.broker.append("test.commands", key: key, value: value, headers: headers)
        harness.broker.send("next")
        let running = await harness.start()
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.journal.value.ids == ["next"])
        #expect(harness.broker.records("test.failures").count == failures)
        #expect(harness.broker.committed("test.commands")?.offset == 2)
        let dead = try #require(harness.broker.records("test.dlt").first)
        #expect(dead.key.isNull == (key == nil))
        #expect(Array(dead[dead.key]) == key ?? [])
        #expect(dead.value.isNull == (value == nil))
        #expect(Array(dead[dead.value]) == value ?? [])
        #expect(dead.headerText("adjutant-error-class") == "poison")
        for (index, header) in headers.enumerated() {
            #expect(dead.headerNames[index] == header.0)
            #expect(dead.headers[index].value.isNull == (header.1 == nil))
            #expect(Array(dead[dead.headers[index].value]) == header.1 ?? [])
        }
        return harness
    }

    private func envelope(without missing: String? = nil, _ extra: [(String, String)] = []) -> [(String, [UInt8]?)] {
        ([("ce_specversion", "1.0"), ("ce_id", "p-1"), ("ce_source", "tests"), ("ce_type", "test.run")] + extra)
            .filter { $0.0 != missing }.map { ($0.0, Array($0.1.utf8)) }
    }

    @Test func rawBytesHaveNoFailureEvent() async throws {
        let harness = try await self.run(
            value: [0, 0xff, 0x7b], headers: [("a", nil), ("a", []), ("a", [0xff])], failures: 0)
        let dead = try #require(harness.broker.records("test.dlt").first)
        #expect(dead.headerText("adjutant-error-code") == "MISSING_ATTRIBUTE")
        #expect(dead.headerText("__dlq.errors.message")?.contains("ce_id") == true)
        let audit = try #require(harness.broker.records("test.audit").first { $0.keyText == "test.commands/0/0" })
        #expect(audit.valueText.contains(#""commandId":null,"type":null,"key":null,"attempt":0,"class":"poison""#))
    }

    @Test func aMissingIDHasNoFailureEvent() async throws {
        _ = try await self.run(key: nil, value: Array("{}".utf8), headers: self.envelope(without: "ce_id"), failures: 0)
    }

    @Test func aTombstoneIsToldToItsSender() async throws {
        let harness = try await self.run(
            value: nil, headers: self.envelope([("ce_correlationid", "corr")]), failures: 1)
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.headerText("ce_type") == "test.run.failed")
        #expect(failure.headerText("ce_subject") == "p-1")
        #expect(failure.headerText("ce_correlationid") == "corr")
        #expect(failure.headerText("ce_id") == Identifier.eventID(kind: "failed", commandID: "p-1"))
        #expect(failure.json["class"] as? String == "poison")
        #expect(failure.json["code"] as? String == "TOMBSTONE")
        #expect(failure.json["deadLettered"] as? Bool == true)
    }

    @Test func aDuplicateAttributeIsToldToItsSender() async throws {
        _ = try await self.run(
            value: Array("{}".utf8), headers: self.envelope([("ce_subject", "a"), ("ce_subject", "b")]), failures: 1)
    }

    @Test func anAmbiguousIDHasNoFailureEvent() async throws {
        _ = try await self.run(value: Array("{}".utf8), headers: self.envelope([("ce_id", "p-2")]), failures: 0)
    }

    @Test(arguments: [
        ["{", "application/json", "BAD_JSON"], [#"{"a":1,"a":2}"#, "application/json", "DUPLICATE_KEY"],
        [String(repeating: "[", count: 70) + String(repeating: "]", count: 70), "application/json", "JSON_TOO_DEEP"],
        ["{}", "text/plain", "UNSUPPORTED_CONTENT_TYPE"],
    ])
    func dataThatIsNotWhatItSaysIsToldToItsSender(value: [String]) async throws {
        let harness = try await self.run(
            value: Array(value[0].utf8), headers: self.envelope([("content-type", value[1])]), failures: 1)
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.headerText("ce_type") == "test.run.failed")
        #expect(failure.json["code"] as? String == value[2])
    }

    @Test func aValueOverTheLimitIsParkedWhole() async throws {
        let harness = try await self.run(
            value: [UInt8](repeating: 0x20, count: 2 << 20), headers: self.envelope(), failures: 1)
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.json["code"] as? String == "VALUE_TOO_LARGE")
        #expect(failure.headerText("ce_type") == "test.run.failed")
    }
}
