import Commands
import PostgresClient

/// Batches in the database.
///
/// With a transaction as its session, what it does becomes part of that transaction.
package struct BatchStore: Sendable {
    private let session: any PostgresSession

    package init(_ session: any PostgresSession) { self.session = session }

    /// Creates a batch; its commands carry its id as their `batchid`. Create it before they are sent: commands that end
    /// before it is there are not counted.
    ///
    /// - Parameters:
    ///   - total: How many commands it has, if known. Without, it is open until ``close(_:total:)`` says so.
    /// - Throws: ``LedgerError`` when the id is taken; ``PostgresError``.
    @discardableResult
    package func create(
        id: String? = nil, name: String, domain: Domain, total: Int? = nil, by creator: String? = nil
    ) async throws -> Batch {
        let id = if let id { id } else { try await self.newID() }
        do {
            try await self.session.query(
                """
                INSERT INTO adjutant.batches (id, name, domain, total, created_by, closed_at)
                VALUES ($1, $2, $3, coalesce($4::bigint, 0), $5, CASE WHEN $4::bigint IS NOT NULL THEN clock_timestamp() END)
                """,
                [
                    .text(id), .text(name), .text(domain.rawValue),
                    .optional(total.map(Int64.init), PostgresValue.int64),
                    .optional(creator, PostgresValue.text),
                ])
        } catch let error as PostgresError where error.constraint == "batches_pkey" {
            throw LedgerError(.conflict, "there is a batch \(id) already")
        }
        return try await self.existing(id)
    }

    package func find(_ id: String) async throws -> Batch? {
        try await self.session.query(
            PostgresStatement(trusted: Batch.select("WHERE b.id = $1")), [.text(id)]
        ).first.map(Batch.init)
    }

    /// Batches, the newest first.
    package func list(
        domain: String? = nil, name: String? = nil, running: Bool = false, after: PageCursor? = nil, limit: Int = 100
    ) async throws -> Page<Batch> {
        var conditions = Conditions()
        if let domain { conditions.add("b.domain = ?", .text(domain)) }
        if let name { conditions.add("b.name = ?", .text(name)) }
        if running { conditions.add("b.completed_at IS NULL AND b.cancelled_at IS NULL") }
        if let after { conditions.add("(b.created_at, b.id) < (?, ?)", .timestamp(after.time), .text(after.id)) }
        let size = conditions.parameter(.int(limit + 1))
        let tail = "\(conditions.clause) ORDER BY b.created_at DESC, b.id DESC LIMIT \(size)"
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: "\(Batch.select(tail)) ORDER BY b.created_at DESC, b.id DESC", isPrepared: false),
            conditions.parameters)
        var batches = try rows.map(Batch.init)
        guard batches.count > limit else { return Page(rows: batches, next: nil) }
        batches.removeLast(batches.count - limit)
        return Page(rows: batches, next: batches.last.map { PageCursor(time: $0.createdAt, id: $0.id) })
    }

    /// Adds to the total of a batch that is still open.
    package func extend(_ id: String, by count: Int) async throws {
        try await self.expectChange(
            id, "UPDATE adjutant.batches SET total = total + $2 WHERE id = $1 AND closed_at IS NULL",
            [.int(count)], otherwise: "batch \(id) is closed: no more commands can be added")
    }

    /// Makes the total final, so that the batch can complete.
    ///
    /// - Parameter total: Nil for what was added up.
    package func close(_ id: String, total: Int? = nil) async throws {
        try await self.expectChange(
            id,
            """
            UPDATE adjutant.batches SET total = coalesce($2::bigint, total), closed_at = clock_timestamp()
            WHERE id = $1 AND closed_at IS NULL
            """,
            [.optional(total.map(Int64.init), PostgresValue.int64)], otherwise: "batch \(id) is closed already")
    }

    /// Keeps what has not run from running: those commands end as cancelled when a worker comes upon them.
    ///
    /// - Throws: ``LedgerError`` when there is no such batch, or it is through or cancelled.
    @discardableResult
    package func cancel(_ id: String, reason: String? = nil, by actor: String? = nil) async throws -> Batch {
        try await self.expectChange(
            id,
            """
            UPDATE adjutant.batches SET cancelled_at = clock_timestamp(), cancel_reason = $2, cancelled_by = $3,
                closed_at = coalesce(closed_at, clock_timestamp())
            WHERE id = $1 AND cancelled_at IS NULL AND completed_at IS NULL
            """,
            [.optional(reason, PostgresValue.text), .optional(actor, PostgresValue.text)],
            otherwise: "batch \(id) is through or cancelled already")
        return try await self.existing(id)
    }

    private func newID() async throws -> String {
        let row = try await self.session.query("SELECT clock_timestamp()").only
        return Identifier.commandID(at: try row.get(0, as: PostgresTimestamp.self).microseconds)
    }

    /// The statement changes the row of the batch, or there is a reason why not.
    private func expectChange(
        _ id: String, _ statement: PostgresStatement, _ parameters: [PostgresValue], otherwise reason: String
    ) async throws {
        guard try await self.session.query(statement, [.text(id)] + parameters).affected == 0 else { return }
        _ = try await self.existing(id)
        throw LedgerError(.conflict, reason)
    }

    private func existing(_ id: String) async throws -> Batch {
        guard let batch = try await self.find(id) else { throw LedgerError(.notFound, "there is no batch \(id)") }
        return batch
    }
}
