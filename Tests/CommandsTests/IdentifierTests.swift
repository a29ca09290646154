import Commands
import Testing

@Suite struct IdentifierTests {
    /// Made with Python's `uuid.uuid5(namespace, name)`.
    @Test func eventIDsAreVersion5() {
        #expect(Identifier.eventID(kind: "succeeded", commandID: "c-1") == "1b60272f-ed26-5726-b272-4a6fe6fb45ab")
        #expect(Identifier.eventID(kind: "failed", commandID: "schlüssel") == "f91af437-79e5-5a2c-8721-e240b77c7e4d")
        #expect(
            Identifier.eventID(kind: "adjutant.command.retried", commandID: "c-1", attempt: 2)
                == "a9eaec4e-462e-5506-984b-9481f107665e")
    }

    @Test func eventIDsTellKindsCommandsAndAttemptsApart() {
        var ids: Set<String> = []
        for id in ["a", "b", "", "ab"] {
            for attempt in 0..<4 {
                ids.insert(Identifier.eventID(kind: "succeeded", commandID: id, attempt: attempt))
                ids.insert(Identifier.eventID(kind: "failed", commandID: id, attempt: attempt))
            }
        }
        #expect(ids.count == 32)
        for id in ids { #expect(Self.bits(id) == "5 variant") }
    }

    @Test func commandIDsSortByTime() {
        let start: Int64 = 1_767_225_600_000_000
        let times = (0..<2000).map { start + $0 * 7 } + [start + 1_000_000, start + 86_400_000_000]
        let ids = times.map { Identifier.commandID(at: $0) }
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == ids.count)
        for id in ids { #expect(Self.bits(id) == "7 variant") }
        // The first 48 bits are Unix milliseconds.
        let hexadecimal = ids[0].replacing("-", with: "").prefix(12)
        #expect(Int64(hexadecimal, radix: 16) == start / 1000)
    }

    @Test func commandIDsOfOneMomentDiffer() {
        #expect(Set((0..<1000).map { _ in Identifier.commandID(at: 0) }).count == 1000)
    }

    /// The version, and whether form and variant are right (RFC 9562, section 4).
    private static func bits(_ id: String) -> String {
        let bytes = Array(id.utf8)
        let dashes = [8, 13, 18, 23]
        let isWellFormed =
            bytes.count == 36
            && bytes.indices.allSatisfy { index in
                dashes.contains(index)
                    ? bytes[index] == 45 : (48...57).contains(bytes[index]) || (97...102).contains(bytes[index])
            }
        guard isWellFormed else { return "malformed \(id)" }
        let version = String(UnicodeScalar(bytes[14]))
        return "\(version) \("89ab".utf8.contains(bytes[19]) ? "variant" : "no variant")"
    }
}
