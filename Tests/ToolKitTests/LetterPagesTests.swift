import Ledger
import PostgresClient
import Testing

@testable import ToolKit

@Suite struct LetterPagesTests {
    private static let lost = PostgresError(code: .connectionLost, kind: .reconnect, message: "gone")

    private func page(_ offsets: Range<Int64>) -> [IndexedLetter] {
        offsets.map {
            IndexedLetter(partition: 0, offset: $0, recordedAt: 0, failedAt: 0, fingerprint: "", format: "adjutant")
        }
    }

    @Test("Page follows page, each behind the one before")
    func pages() async throws {
        var printed: [Int64] = []
        try await LetterPages.read(
            next: { last in
                let start = last.map { $0.offset + 1 } ?? 0
                return start < 6 ? self.page(start..<start + 3) : []
            },
            print: { printed.append($0.offset) }, hasReader: { true })
        #expect(printed == [0, 1, 2, 3, 4, 5])
    }

    @Test("A database that goes away before anything is printed leaves the topic to be read")
    func first() async throws {
        await #expect(throws: PostgresError.self) {
            try await LetterPages.read(next: { _ in throw Self.lost }, print: { _ in }, hasReader: { true })
        }
    }

    @Test("A database that goes away after a page ends the list: nothing is printed twice")
    func second() async throws {
        var printed = 0
        let error = await #expect(throws: ToolError.self) {
            try await LetterPages.read(
                next: { last in
                    guard last == nil else { throw Self.lost }
                    return self.page(0..<3)
                },
                print: { _ in printed += 1 }, hasReader: { true })
        }
        #expect(printed == 3 && error?.exit == .unreachable)
    }
}
