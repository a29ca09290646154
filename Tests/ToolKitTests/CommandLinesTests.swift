import Commands
import Testing

@testable import ToolKit

@Suite struct CommandLinesTests {
    private func lines(type: String? = nil) -> CommandLines {
        CommandLines(type: type, source: "test", place: "file") { "made" }
    }

    private func parse(_ text: String, type: String? = nil) throws -> [CommandDraft] {
        try self.lines(type: type).parse(Array(text.utf8))
    }

    private func message(_ text: String, type: String? = nil) -> String? {
        do {
            _ = try self.parse(text, type: type)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func bareDataTakesTheTypeOfTheFlag() throws {
        let drafts = try self.parse("{\"a\":1}\n\n  [2] \r\n3", type: "lab.run")
        #expect(drafts.map { String(decoding: $0.data, as: UTF8.self) } == ["{\"a\":1}", "[2]", "3"])
        #expect(drafts.allSatisfy { $0.type == "lab.run" && $0.id == "made" && $0.source == "test" })
    }

    @Test func objectsBringTheirOwnAttributes() throws {
        let line =
            #"{"type":"user.delete","id":"i-1","key":"u","data":{"userId":"u"},"actor":"ada","priority":3,"#
            + #""headers":{"h":"v"},"subject":null}"#
        let draft = try #require(try self.parse(line).first)
        #expect(draft.type == "user.delete" && draft.id == "i-1" && draft.key == "u")
        #expect(String(decoding: draft.data, as: UTF8.self) == #"{"userId":"u"}"#)
        #expect(draft.attributes.map { "\($0.name)=\($0.value)" } == ["actor=ada", "priority=3"])
        #expect(draft.headers.map { "\($0.name)=\($0.value)" } == ["h=v"])
    }

    @Test func flagsFillInWhatALineLeavesOut() throws {
        var lines = self.lines()
        lines.attributes = [("actor", "ada"), ("tenant", "t")]
        lines.key = "k"
        let drafts = try lines.parse(
            Array(#"{"type":"a.b","actor":"bob"}"#.utf8) + [10] + Array(#"{"type":"a.b","key":"own"}"#.utf8))
        #expect(drafts[0].attributes.map { "\($0.name)=\($0.value)" } == ["actor=bob", "tenant=t"])
        #expect(drafts.map(\.key) == ["k", "own"])
        #expect(drafts.map { String(decoding: $0.data, as: UTF8.self) } == ["{}", "{}"])
    }

    @Test func aByteOrderMarkIsPassedOver() throws {
        #expect(try self.lines(type: "a.b").parse([0xef, 0xbb, 0xbf] + Array("1".utf8)).count == 1)
    }

    @Test(arguments: [
        ("1\n{", "file:2: not JSON"), ("[]", "file:1: must be an object"), ("{\"data\":1}", "file:1: type is missing"),
        ("{\"type\":\"a.b\",\"Bad\":\"x\"}", "file:1: an attribute's name"),
        ("{\"type\":\"a.b\",\"actor\":{}}", "file:1: actor must be a string"),
        ("{\"type\":\"a.b\",\"id\":\"\"}", "file:1: id must have"),
        ("{\"type\":\"a.b\",\"notbefore\":\"soon\"}", "file:1: notbefore must be an RFC 3339 time"),
        ("{\"type\":\"a.b\",\"headers\":{\"h\":1}}", "file:1: headers must be"),
        ("{\"type\":\"a.b\",\"actor\":\"x\",\"actor\":\"y\"}", "file:1: actor is there twice"),
        ("{\"type\":\"a.b\",\"actor\":\"x\",\"headers\":{\"ce_actor\":\"y\"}}", "file:1: header ce_actor appears more"),
    ])
    func badLinesAreNamed(_ text: String, _ expected: String) throws {
        let type = text.hasPrefix("1") ? "a.b" : nil
        let message = try #require(self.message(text, type: type))
        #expect(message.hasPrefix(expected) && message.hasSuffix("nothing was sent"))
    }

    @Test(arguments: [false, true])
    func whatNoWorkerWouldReadIsRefused(structured: Bool) throws {
        var lines = self.lines()
        lines.structured = structured
        lines.limits.valueBytes = 1000
        lines.limits.headerBytes = 100
        lines.limits.headers = 9
        func message(_ line: String) -> String {
            do {
                return try lines.parse(Array(line.utf8)).isEmpty ? "nothing" : "fine"
            } catch {
                return error.message
            }
        }
        let long = String(repeating: "x", count: 700)
        #expect(message(#"{"type":"a.b","data":"\#(long)"}"#) == "fine")
        #expect(message(#"{"type":"a.b","data":"\#(long)\#(long)"}"#).contains("at most 1000 are allowed"))
        #expect(message(#"{"type":"a.b","actor":"\#(long)"}"#).contains("at most 100 are allowed"))
        #expect(message(#"{"type":"a.b","headers":{"h":"\#(long)"}}"#).contains("at most 100 are allowed"))
        #expect(message(#"{"type":"a.b","headers":{"a":"","b":""}}"#) == "fine")
        let many = message(#"{"type":"a.b","headers":{"a":"","b":"","c":"","d":""}}"#)
        #expect(many.contains("headers, at most") && many.hasSuffix("nothing was sent"))
    }

    @Test func aBatchTakesEveryIDOnceAndRoomForItsOwn() throws {
        func problem(_ text: String, headers: Int = 64) throws -> String? {
            var limits = EnvelopeLimits()
            limits.headers = headers
            let drafts = try self.parse(text).map { $0.marked(batch: "b") }
            return CommandRules.problem(batch: drafts, limits: limits)
        }
        let line = { (id: String) in #"{"type":"a.b","batchid":"other","id":"\#(id)"}"# }
        #expect(try problem("\(line("e"))\n\(line("f"))") == nil)
        // Canonically equal, and two ids all the same.
        #expect(try problem("\(line("\u{e9}"))\n\(line("e\u{301}"))") == nil)
        #expect(
            try problem("\(line("e"))\n\n\(line("f"))\n\(line("e"))")
                == "file:4: the command at file:1 has the same id, and a batch counts an id once")
        #expect(try problem(#"{"type":"a.b"}"#, headers: 6)?.contains("7 headers, at most 6") == true)
        #expect(try problem(#"{"type":"a.b"}"#, headers: 7) == nil)
    }

    @Test func furtherBadLinesAreCounted() {
        #expect(self.message("{\n{\n1\n{", type: "a.b")?.contains("(and 2 more bad lines)") == true)
    }
}
