import Foundation
import Testing

/// A record that is no readable command, and where it ends.
struct PoisonRecord: Sendable {
    var name: String
    var headers: [(name: String, value: [UInt8])]
    var value: [UInt8]?
    var failureClass = "poison"
    var code: String
    /// Whether the command's id can be read, so that there is a failure event.
    var hasID: Bool

    var id: String { "poison-\(self.name)" }

    init(
        _ name: String, _ code: String, value: [UInt8]?, hasID: Bool = true, failureClass: String = "poison",
        change: (inout [String: [UInt8]]) -> Void = { _ in }, more: [(name: String, value: [UInt8])] = []
    ) {
        self.name = name
        self.code = code
        self.value = value
        self.hasID = hasID
        self.failureClass = failureClass
        var headers = [
            "content-type": "application/json", "ce_specversion": "1.0", "ce_id": "poison-\(name)",
            "ce_source": "tests", "ce_type": "lab.run",
        ].mapValues { Array($0.utf8) }
        change(&headers)
        self.headers = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + more
    }

    private static func text(_ value: String) -> [UInt8] { Array(value.utf8) }

    static let all: [PoisonRecord] = [
        PoisonRecord("undecodable", "BAD_JSON", value: [0xff, 0xfe, 0x00, 0x80]),
        PoisonRecord("truncated", "BAD_JSON", value: text(#"{"echo":"#)),
        PoisonRecord("bad-string", "BAD_JSON", value: text(#"{"echo":""#) + [0xc3, 0x28] + text(#""}"#)),
        PoisonRecord("no-id", "MISSING_ATTRIBUTE", value: text("{}"), hasID: false) { $0["ce_id"] = nil },
        PoisonRecord("long-id", "ID_TOO_LONG", value: text("{}"), hasID: false) {
            $0["ce_id"] = [UInt8](repeating: 65, count: 129)
        },
        PoisonRecord("id-not-utf8", "NOT_UTF8", value: text("{}"), hasID: false) { $0["ce_id"] = [0xff] },
        PoisonRecord("no-source", "MISSING_ATTRIBUTE", value: text("{}")) { $0["ce_source"] = nil },
        PoisonRecord("version", "UNSUPPORTED_SPECVERSION", value: text("{}")) { $0["ce_specversion"] = text("2.0") },
        PoisonRecord("tombstone", "TOMBSTONE", value: nil),
        PoisonRecord("unknown-type", "NO_HANDLER", value: text("{}"), failureClass: "unhandled") {
            $0["ce_type"] = text("lab.walk")
        },
        PoisonRecord(
            "too-large", "VALUE_TOO_LARGE", value: text(#"{"echo":""#) + .init(repeating: 120, count: 2 << 20)),
        PoisonRecord(
            "too-deep", "JSON_TOO_DEEP",
            value: text(#"{"echo":"#) + .init(repeating: 91, count: 70) + .init(repeating: 93, count: 70) + text("}")),
        PoisonRecord("duplicate-keys", "DUPLICATE_KEY", value: text(#"{"echo":1,"echo":2}"#)),
        PoisonRecord("many-headers", "TOO_MANY_HEADERS", value: text("{}"), more: (0..<60).map { ("h\($0)", [49]) }),
        PoisonRecord("large-header", "HEADER_TOO_LARGE", value: text("{}")) {
            $0["other"] = [UInt8](repeating: 65, count: 9_000)
        },
        PoisonRecord(
            "twice", "DUPLICATE_ATTRIBUTE", value: text("{}"), more: [("ce_type", text("lab.run"))]),
        PoisonRecord("other-content", "UNSUPPORTED_CONTENT_TYPE", value: text("{}")) {
            $0["content-type"] = text("application/xml")
        },
        PoisonRecord("structured", "BAD_STRUCTURED_EVENT", value: text("{"), hasID: false) {
            $0 = ["content-type": text("application/cloudevents+json")]
        },
        PoisonRecord("bare", "MISSING_ATTRIBUTE", value: text("{}"), hasID: false) { $0 = [:] },
    ]
}

extension IntegrationTests {
    @Suite(.serialized) struct PoisonTests {
        @Test("What is no command is parked with its bytes untouched, and what stands behind it is handled")
        func table() async throws {
            try await SharedLab.with { lab in
                // One key: each record stands in the way of the next command.
                for poison in PoisonRecord.all {
                    try lab.sender.send(
                        key: Array(poison.id.utf8), value: poison.value, headers: poison.headers, partition: 3)
                    try lab.sender.send(CommandMessage(id: "behind-\(poison.name)", key: poison.id), partition: 3)
                }
                try lab.sender.flush()
                try lab.journal.waitForOutcomes(of: Set(PoisonRecord.all.map { "behind-\($0.name)" }))
                for poison in PoisonRecord.all { _ = try lab.deadLetter(poison.name) { $0.key == poison.id } }
                let contents = try lab.journal.catchUp()
                for poison in PoisonRecord.all { try Self.check(poison, contents) }
            }
        }

        private static func check(_ poison: PoisonRecord, _ contents: Journal.Contents) throws {
            let letters = contents.deadLetters.filter { $0.key == poison.id }
            #expect(letters.count == 1, "\(poison.name)")
            let letter = try #require(letters.first)
            OutcomeTests.expectDeadLetter(letter, poison.failureClass, poison.code, count: 1)
            #expect(letter.value == poison.value, "\(poison.name)")
            #expect(letter.header("__dlq.errors.topic") == "lab.commands")
            #expect(letter.header("__dlq.errors.partition") == "3")
            for (name, value) in poison.headers {
                #expect(letter.bytes(ofHeader: name) == value, "\(poison.name): \(name)")
            }
            let event = contents.outcomes[poison.id]?.first
            #expect((event != nil) == poison.hasID, "\(poison.name): a failure event if the id can be read")
            guard let event else { return }
            #expect(event.topic == "lab.failures", "\(poison.name)")
            #expect(event.data["class"] as? String == poison.failureClass, "\(poison.name)")
            #expect(event.data["code"] as? String == poison.code, "\(poison.name)")
            #expect(event.data["deadLettered"] as? Bool == true, "\(poison.name)")
        }
    }
}
