import Commands
import DeadLetters
import Ledger
import Logging
import PostgresClient

/// The index of a dead-letter topic, brought up to date.
struct LetterIndex {
    let index: DeadLetterIndex
    let domain: Domain
    let topic: String
    /// Records that the broker no longer keeps.
    let trimmed: Int64

    func query(_ filter: LetterFilter) -> LetterQuery { LetterQuery(filter, topic: self.topic, domain: self.domain) }

    func row(_ letter: IndexedLetter) -> LetterRow { LetterRow(letter, topic: self.topic, domain: self.domain) }

    /// Runs the body with the index, if there is a database and it can answer.
    ///
    /// - Returns: Nil when the topic itself must be read: there is no database, it fails, or some letter is none that it
    ///   can keep as it is.
    static func use<Result>(
        _ options: DltOptions, _ body: (LetterIndex) async throws -> Result
    ) async throws -> Result? {
        let settings = try options.settings()
        guard !options.readsTopic, settings.text("database.url")?.isEmpty == false else { return nil }
        let configuration = try settings.database()
        let logger = try settings.logger(default: .error)
        do {
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            defer { connection.close() }
            let feed = try await DedicatedThread.run("adj-dlt") { try IndexFeed(options) }
            do {
                let result = try await self.use(DeadLetterIndex(connection), feed, body)
                try await feed.call { $0.close() }
                return result
            } catch {
                try await feed.call { $0.close() }
                throw error
            }
        } catch let error as PostgresError {
            say("the topic itself is read, since its index cannot be: \(ToolError(database: error).message)")
            return nil
        } catch let error as DeadLetterError {
            throw ToolError(error)
        }
    }

    private static func use<Result>(
        _ index: DeadLetterIndex, _ feed: IndexFeed, _ body: (LetterIndex) async throws -> Result
    ) async throws -> Result? {
        let trimmed = try await LetterIndexer(index: index, feed: feed).run()
        guard try await !index.hasInexact(feed.topic) else { return nil }
        return try await body(LetterIndex(index: index, domain: feed.domain, topic: feed.topic, trimmed: trimmed))
    }
}
