import Commands
import Testing

@Suite struct FingerprintTests {
    private func make(
        _ message: String, _ failureClass: FailureClass = .permanent, code: String = "C", type: String = "t"
    ) -> String {
        Fingerprint.make(failureClass: failureClass, code: code, type: type, message: message)
    }

    @Test func whatVariesDoesNotMatter() {
        let first = self.make(#"no user 4711 in "eu-west" at 0x7f3a (3f2504e0-4f89-41d3-9a0c-0305e82c3301)"#)
        #expect(first == self.make(#"no user 12 in "us" at 0x11 (11111111-2222-3333-4444-555555555555)"#))
        #expect(first != self.make(#"no order 12 in "us" at 0x11 (11111111-2222-3333-4444-555555555555)"#))
        #expect(first.utf8.count == 16)
        #expect(first.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) })
    }

    @Test func causeCodeTypeAndClassMatter() {
        let all = [
            self.make("m"), self.make("n"), self.make("m", .exhausted), self.make("m", code: "D"),
            self.make("m", type: "u"), self.make("", code: "C", type: "tm"), self.make("tm", code: "C", type: ""),
        ]
        #expect(Set(all).count == all.count)
    }

    @Test(arguments: [
        ("plain text", "plain text"), ("id 5", "id <id>"), ("a1b2-c3", "<id>"),
        (#"say "x" and 'y' and `z`"#, "say <text> and <text> and <text>"),
        (#"an "open quote"#, #"an "open quote"#), ("", ""), ("größe 5", "größe <id>"),
    ])
    func messagesAreNormalised(message: String, normal: String) {
        #expect(Fingerprint.normalise(message) == normal)
    }

    @Test func onlyTheBeginningOfALongMessageCounts() {
        let long = String(repeating: "x y ", count: 100_000)
        #expect(self.make(long) == self.make(long + "z"))
        #expect(Fingerprint.normalise(String(repeating: "\"'`", count: 100_000)).utf8.count <= 2048)
    }
}
