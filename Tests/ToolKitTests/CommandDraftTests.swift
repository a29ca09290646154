import Commands
import JSONCoding
import Testing

@testable import ToolKit

@Suite struct CommandDraftTests {
    private func record(_ draft: CommandDraft, structured: Bool) -> Record {
        var outgoing = OutgoingRecord()
        draft.write(into: &outgoing, structured: structured, now: 1_700_000_000_000_000)
        return Record(
            topic: "lab.commands", partition: 0, offset: 0, timestamp: 0, bytes: outgoing.bytes,
            headers: outgoing.headers, key: outgoing.key, value: outgoing.value)
    }

    private var draft: CommandDraft {
        var draft = CommandDraft(
            type: "lab.run", id: "i-1", source: "test", key: "k", data: ArraySlice(#"{"echo":1}"#.utf8))
        draft.attributes = [("actor", "ada"), ("correlationid", "c")]
        draft.headers = [("traceparent", "00-x")]
        return draft
    }

    @Test(arguments: [false, true])
    func bothModesReadTheSame(structured: Bool) throws {
        let envelope = try EnvelopeReader().read(self.record(self.draft, structured: structured))
        #expect(envelope.id == "i-1" && envelope.type == "lab.run" && envelope.text(.source) == "test")
        #expect(envelope.text(.actor) == "ada" && envelope.text(.correlationid) == "c")
        #expect(envelope.text(.time) == "2023-11-14T22:13:20.000Z")
        #expect(envelope.text(.traceparent) == "00-x")
        #expect(envelope.orderingKeyText == "k")
        let data = envelope.view[envelope.view.value]
        #expect(String(decoding: data, as: UTF8.self) == #"{"echo":1}"#)
    }

    @Test func thePartitionKeyIsTheRecordKeyToo() {
        var draft = self.draft
        draft.key = nil
        draft.attributes = [("partitionkey", "p"), ("time", "2020-01-01T00:00:00Z")]
        let record = self.record(draft, structured: false)
        #expect(record.text(record.key) == "p")
        #expect(record.header(named: "ce_time").flatMap { record.text($0) } == "2020-01-01T00:00:00Z")
    }

    @Test func dataIsCheckedToBeJSONAndNoMore() {
        #expect(CommandRules.problem(data: ArraySlice("{\"a\":1,\"a\":2}".utf8)) == nil)
        #expect(CommandRules.problem(data: ArraySlice("{\"a\"".utf8)) != nil)
        #expect(CommandRules.problem(data: []) != nil)
    }
}

@Suite struct SendOptionsTests {
    @Test func timesMayBeSaidFromNowOn() {
        let now: Int64 = 1_700_000_000_000_000
        #expect(SendOptions.time("90s", now) == "2023-11-14T22:14:50.000Z")
        #expect(SendOptions.time("2030-01-01T00:00:00Z", now) == "2030-01-01T00:00:00Z")
    }

    /// There is no such time, which the check of attributes then says.
    @Test(arguments: ["9000000000000000s", "9000000000000000000ms", "100000000d"])
    func aTimeBeyondAllYearsIsNone(_ text: String) {
        #expect(SendOptions.time(text, 1_700_000_000_000_000) == text)
        #expect(CommandRules.problem(attribute: "notbefore", text) != nil)
    }

    @Test(arguments: [true, false])
    func momentsStayWithinTheYearsThereAre(ago: Bool) throws {
        let moment = try TimeText.moment("9000000000000000s", now: 1_700_000_000_000_000, ago: ago, flag: "since")
        #expect(moment == (ago ? RFC3339.earliest : RFC3339.latest))
    }
}
