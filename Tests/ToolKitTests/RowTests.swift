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
}
