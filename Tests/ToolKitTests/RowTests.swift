import ArgumentParser
import Commands
import JSONCoding
import Testing

@testable import ToolKit

/// What rows hold and how it is checked.
@Suite struct RowTests {
    @Test(arguments: [
        ("{ \"b\" : 1.0 ,\r\n\t\"a\": [ ] }", #"{"b":1.0,"a":[]}"#), (#""a \" b\\" "#, #""a \" b\\""#),
        (#"["\\", " x" ]"#, #"["\\"," x"]"#), (#"{"a":1, "a":2}"#, #"{"a":1,"a":2}"#),
        ("no {\n JSON", #""no {\n JSON""#),
        ("", #""""#), ("1e400", "1e400"),
    ])
    func dataTakeOneLine(_ text: String, _ expected: String) {
        let line = JSONFragment(line: Array(text.utf8))
        #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
    }

    @Test func outputThatTheLimitsLetInIsShownAsJSON() {
        let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
        #expect(HistoryView.json(Array(deep.utf8))?.arrayValue?.count == 1)
        let long = "[\"" + String(repeating: "x", count: 2_000_000) + "\"]"
        #expect(HistoryView.json(Array(long.utf8))?.arrayValue?.count == 1)
        #expect(HistoryView.json(Array("{".utf8)) == "{")
    }

    private struct Ping: Command { static let type: CommandType = "ping" }

    private struct Shop: CommandService {
        let domain: Domain = "shop"

        func register(in handlers: inout Handlers) { handlers.on(Ping.self) { _, _ in NoOutput() } }
    }

    @Test func commandsThatNobodyHereRunsAreDoubted() throws {
        let environment = ToolEnvironment(name: "shop", services: [Shop()])
        #expect(try environment.doubt("ping", in: "shop") == nil)
        #expect(try environment.doubt("pong", in: "shop")?.contains("no handler for pong") == true)
        #expect(try environment.doubt("ping", in: "shpo")?.contains("the domain shpo; it has shop") == true)
        #expect(try environment.domain(nil) == "shop")
        #expect(throws: ToolError.self) { try environment.domain("") }
    }

    @Test func aScheduleHasAType() async throws {
        let command = try SchedulesAddCommand.parse(["--domain", "lab", "--type", "", "--in", "1s"])
        let error = await #expect(throws: ToolError.self) { try await command.run() }
        #expect(error?.exit == .usage && error?.message == "--type must not be empty")
    }
}
