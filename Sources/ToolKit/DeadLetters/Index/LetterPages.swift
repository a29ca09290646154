import Ledger
import PostgresClient

/// Prints what the index holds, page by page.
enum LetterPages {
    /// - Parameters:
    ///   - next: The letters after one; none at the end.
    ///   - hasReader: Whether anybody wants more.
    /// - Throws: What the database says of the first page. Later `ToolError`: what is printed cannot be taken back, and the
    ///   topic would be printed behind it.
    static func read(
        next: (IndexedLetter?) async throws -> [IndexedLetter], print: (IndexedLetter) throws -> Void,
        hasReader: () -> Bool = { StandardStream.output.hasReader }
    ) async throws {
        var last: IndexedLetter?
        while hasReader() {
            let page: [IndexedLetter]
            do {
                page = try await next(last)
            } catch let error as PostgresError where last != nil {
                throw ToolError(database: error)
            }
            for letter in page { try print(letter) }
            guard let end = page.last else { return }
            last = end
        }
    }
}
