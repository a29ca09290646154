import Commands
import JSONCoding

/// Keeps aggregates in the database that the command's transaction belongs to; in the process when there is none.
///
/// In the database each aggregate is a document, locked from its first read to the command's end. A command that was
/// handled before does not come here again, since its worker answers it from the recorded outcome. A command whose data
/// PostgreSQL cannot keep as `jsonb` fails as `permanent` with the code `VALUE_NOT_STORABLE`, one that makes a document of
/// more than 64 MiB with `DOCUMENT_TOO_LARGE`.
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
        return try await Self.transaction(of: context) { transaction in
            let rows = try await transaction.query(
                """
                INSERT INTO adjutant.documents AS d (collection, id) VALUES ($1, $2)
                ON CONFLICT (collection, id) DO UPDATE SET changed_at = clock_timestamp() RETURNING d.body
                """, [.text(collection), .text(id)])
            var aggregate = try Self.decode(rows.first?["body"].text)
            let answer = try change(&aggregate)
            let body = try aggregate.map { String(decoding: try FastJSONEncoder().encode($0), as: UTF8.self) }
            let size = try await transaction.query(
                """
                UPDATE adjutant.documents SET body = $3::jsonb WHERE collection = $1 AND id = $2
                RETURNING octet_length(body::text)
                """,
                [.text(collection), .text(id), body.map { .json($0) } ?? .null]
            ).first?.values.first?.int
            // What the database writes is longer than what was sent: 1e100000 has a hundred thousand digits there. Every later
            // command of the aggregate reads it.
            guard size ?? 0 <= Self.largest else {
                throw CommandError.permanent("DOCUMENT_TOO_LARGE", "the aggregate would have \(size ?? 0) bytes")
            }
            return answer
        }
    }

    public func find(_ id: String, in context: CommandContext) async throws -> Aggregate? {
        guard context.hasDatabase else { return try await self.memory.find(id, in: context) }
        let collection = self.collection
        return try await Self.transaction(of: context) { transaction in
            let rows = try await transaction.query(
                "SELECT body FROM adjutant.documents WHERE collection = $1 AND id = $2",
                [.text(collection), .text(id)])
            return try Self.decode(rows.first?["body"].text)
        }
    }

    /// Bytes of a document as the database writes it.
    private static var largest: Int64 { 64 << 20 }

    /// The command's transaction. A value that the database cannot keep, such as a NUL character or a number beyond its
    /// own, is the command's fault, and so every attempt's.
    private static func transaction<Result: Sendable>(
        of context: CommandContext, _ body: @escaping @Sendable (any CommandTransaction) async throws -> Result
    ) async throws -> Result {
        do {
            return try await context.transaction(body)
        } catch let error as DatabaseError {
            // Data exceptions, and limits of the program.
            guard let state = error.sqlState, state.hasPrefix("22") || state.hasPrefix("54") else { throw error }
            throw CommandError.permanent("VALUE_NOT_STORABLE", error.description)
        }
    }

    /// What was stored is not measured by the limits for what strangers send.
    private static func decode(_ text: String?) throws -> Aggregate? {
        let decoder = FastJSONDecoder(limits: JSONLimits(maxDepth: 512, maxBytes: .max))
        return try text.map { try decoder.decode(Aggregate.self, from: Array($0.utf8)) }
    }
}
