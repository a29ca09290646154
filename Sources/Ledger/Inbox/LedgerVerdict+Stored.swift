import PostgresClient
import Processor

extension LedgerVerdict {
    /// What it means that an entry's row was not written.
    ///
    /// - Parameters:
    ///   - found: The row that is there instead.
    ///   - query: Asks the database, in the same transaction if there is one.
    static func unwritten(
        _ entry: LedgerEntry, run: Int64, found: StoredCommand?, group: String,
        query: (PostgresCall) async throws -> PostgresRows
    ) async throws -> LedgerVerdict {
        if let found {
            // By an earlier try, whose answer was lost.
            if found.run == run { return .recorded }
            if found.isFinal { return .repeated(found.outcome) }
        }
        let partition = entry.command.partition
        let owner = try await query(
            PostgresCall(LedgerSQL.owners, [.text(group), .texts([partition.topic]), .int4s([partition.partition])])
        ).first
        if let owner, try owner.get(2, as: Int64.self) == entry.command.epoch {
            return .undone(reason: "the command's row went away meanwhile")
        }
        return .fenced(by: try owner?.get(3) ?? "nobody")
    }
}
