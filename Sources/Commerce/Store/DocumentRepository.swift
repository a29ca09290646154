import Commands
import JSONCoding

/// Keeps aggregates in the database that the command's transaction belongs to; in the process when there is none.
///
/// In the database each aggregate is a document, locked from its first read to the command's end. A command that was
/// handled before does not come here again, since its worker answers it from the recorded outcome.
public final class DocumentRepository<Aggregate: Codable & Sendable>: Repository {
    private let collection: String
    private let memory = InMemoryRepository<Aggregate>()

    /// - Parameter collection: What the aggregates are called in the database; one name for each kind.
    public init(collection: String) { self.collection = collection }

    public func change<Answer: Codable & Sendable>(
        _ id: String, in context: CommandContext, _ change: @escaping @Sendable (inout Aggregate?) throws -> Answer
    ) async throws -> Answer {
        guard context.hasDatabase else { return try await self.memory.change(id, in: context, change) }
        let collection = self.collection
        return try await context.transaction { transaction in
            let rows = try await transaction.query(
                """
                INSERT INTO adjutant.documents AS d (collection, id) VALUES ($1, $2)
                ON CONFLICT (collection, id) DO UPDATE SET changed_at = clock_timestamp() RETURNING d.body
                """, [.text(collection), .text(id)])
            var aggregate = try Self.decode(rows.first?["body"].text)
            let answer = try change(&aggregate)
            let body = try aggregate.map { String(decoding: try FastJSONEncoder().encode($0), as: UTF8.self) }
            try await transaction.query(
                "UPDATE adjutant.documents SET body = $3::jsonb WHERE collection = $1 AND id = $2",
                [.text(collection), .text(id), body.map { .json($0) } ?? .null])
            return answer
        }
    }

    public func find(_ id: String, in context: CommandContext) async throws -> Aggregate? {
        guard context.hasDatabase else { return try await self.memory.find(id, in: context) }
        let collection = self.collection
        return try await context.transaction { transaction in
            let rows = try await transaction.query(
                "SELECT body FROM adjutant.documents WHERE collection = $1 AND id = $2",
                [.text(collection), .text(id)])
            return try Self.decode(rows.first?["body"].text)
        }
    }

    private static func decode(_ text: String?) throws -> Aggregate? {
        try text.map { try FastJSONDecoder().decode(Aggregate.self, from: Array($0.utf8)) }
    }
}
