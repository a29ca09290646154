import ArgumentParser
import Commands
import DeadLetters
import JSONCoding
import Testing

@testable import ToolKit

@Suite struct DeadLetterOutputTests {
    private func letter(_ id: String, minute: Int, offset: Int64 = 0) -> DeadLetter {
        DeadLetter(
            Record(
                topic: "lab.dlt", offset: offset, key: nil, value: [],
                headers: [
                    ("ce_id", Array(id.utf8)), ("adjutant-error-class", Array("permanent".utf8)),
                    ("adjutant-failed", Array("2026-05-04T10:\(minute):00Z".utf8)),
                ]))
    }

    @Test("Of many letters the youngest or the oldest are kept, in that order", arguments: [false, true])
    func best(oldest: Bool) {
        var best = BestLetters(limit: 3, oldest: oldest)
        // So many that it drops some on the way.
        for index in 0..<5000 {
            best.add(self.letter("c-\(index)", minute: 10 + index * 7 % 50, offset: Int64(index)), .parked)
        }
        let minutes = best.sorted.map { RFC3339.format($0.letter.failedAt).dropFirst(14).prefix(2) }
        #expect(minutes == (oldest ? ["10", "10", "10"] : ["59", "59", "59"]))
        #expect(best.sorted.map(\.letter.coordinate.offset) == (oldest ? [0, 50, 100] : [4957, 4907, 4857]))
    }

    @Test("One letter is named by its place or by its id")
    func selection() throws {
        func text(_ arguments: String...) throws -> String {
            try LetterSelection.parse(arguments).text(topic: "lab.dlt")
        }
        #expect(try text("3/17") == "partition=3 offset=17")
        #expect(
            try text("lab.dlt/3/17", "--filter", "code=A", "--filter", "key=b") == "partition=3 offset=17 code=A key=b")
        #expect(try text("my \"id\"") == #"id="my \"id\"""#)
        #expect(
            try LetterFilter(text("my \"id\""), now: 0).matches(
                self.letter("my \"id\"", minute: 10), .parked, domain: ""))
        #expect(try text() == "")
        #expect(throws: ToolError.self) { try text("other.dlt/3/17") }
    }

    @Test("A filter that is none is told while the arguments are read", arguments: ["bogus=1", "class", "attempts>=x"])
    func badFilter(_ text: String) {
        #expect(throws: (any Error).self) { try LetterSelection.parse(["--filter", text]) }
    }

    @Test("What is done for good needs a reason")
    func reason() throws {
        #expect(throws: (any Error).self) { try ChangeOptions.parse(["--execute"]) }
        #expect(throws: (any Error).self) { try ChangeOptions.parse(["--execute", "--reason", " "]) }
        #expect(try ChangeOptions.parse(["--execute", "--reason", "x"]).execute)
        #expect(try !ChangeOptions.parse([]).execute)
    }

    @Test("Data are shown as JSON with an indent, as text, or as bytes")
    func payload() {
        func lines(_ bytes: [UInt8]) -> [String] { DltText.lines(ofValue: bytes[...]) }
        #expect(
            lines(Array(#"{"a":[1,"x"],"b":{},"a":null}"#.utf8)) == [
                "{", #"  "a": ["#, "    1,", #"    "x""#, "  ],", #"  "b": {},"#, #"  "a": null"#, "}",
            ])
        #expect(lines(Array("two\nlines".utf8)) == ["two", "lines"])
        #expect(lines([0xff, 0x00, 0x41]) == ["ff 00 41"])
        #expect(lines(Array(repeating: 0xff, count: 5000)).last == "… 904 more bytes")
        #expect(lines([]) == [""])
        // A terminal must not take data for orders.
        for value in [#"{"a":"\#u{9b}31m"}"#, #"{"\#u{9b}31m":["\#u{9b}2J"]}"#, #""\#u{9b}""#] {
            #expect(!lines(Array(value.utf8)).joined().unicodeScalars.contains("\u{9b}"))
        }
    }

    @Test("An export takes no negative limit")
    func exportLimit() throws {
        #expect(throws: (any Error).self) { try DltExportCommand.parse(["--domain", "lab", "--limit", "-1"]) }
        #expect(try DltExportCommand.parse(["--domain", "lab", "--limit", "0"]).limit == 0)
    }

    @Test("One letter's huge key leaves the table as it is; JSON has all of it")
    func hugeKey() throws {
        let key = String(repeating: "k", count: 200_000)
        let huge = DeadLetter(
            Record(
                topic: "lab.dlt", key: Array(key.utf8), value: [],
                headers: ["adjutant-error-class", "adjutant-error-code", "ce_id", "ce_type", "__dlq.errors.message"].map
                {
                    ($0, Array(key.utf8))
                }))
        let rows = [huge, self.letter("a", minute: 10)].map { LetterRow($0, .parked, domain: "lab") }
        let lines = LetterRow.table(rows).lines(for: Terminal(width: nil, hasColour: false))
        #expect(lines.count == 3 && lines.allSatisfy { $0.count < 2000 })
        #expect(lines[2].contains(" a ") && lines[2].count < 800)
        #expect(rows[0].key == key)
        var groups = LetterGroups()
        groups.add(huge, .parked)
        let line = GroupRow.table(groups.sorted.map(GroupRow.init)).lines(for: Terminal(width: nil, hasColour: false))[
            1]
        #expect(line.count < 2000)
    }

    @Test("A preview tells what would be sent, left out and refused, and why")
    func plan() throws {
        var plan = ReplayPlan(now: 1_777_889_000_000_000, limit: nil)
        plan.add(self.letter("a", minute: 10), .parked, .send(to: "lab.commands", partition: 1))
        plan.add(self.letter("b", minute: 10), .replayed, .skip(.replayed))
        plan.add(self.letter("c", minute: 10), .parked, .refuse(.undeclared("orders")))
        plan.add(self.letter("d", minute: 10), .parked, .quarantine)
        let text = PlanRow(plan, JobRecord.Options()).text(for: Terminal(width: nil, hasColour: false))
        for part in [
            "would send 1 letter,", "to          lab.commands: 1", "leave out   1, replayed", "orders is not declared",
            "quarantine  1",
        ] {
            #expect(text.contains(part), "\(text)")
        }
    }
}
