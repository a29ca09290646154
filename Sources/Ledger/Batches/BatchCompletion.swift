import Commands
import JSONCoding
import PostgresClient

/// Finds the batches that are through, marks them, and puts their completion events into the outbox.
///
/// To be run after the transaction that counted is committed. Of two writers whose counts make a batch full together,
/// neither sees the other's before it commits; whoever looks after the later of the two commits sees both. Should it
/// die before it looks, the next look over all batches finds what it left. The row's update makes it happen once.
enum BatchCompletion {
    /// - Parameters:
    ///   - ids: Nil for all batches.
    ///   - domains: Whose batches; nil for those of every domain.
    static func complete(
        _ ids: [String]?, domains: [String]? = nil, on connection: PostgresConnection
    ) async throws -> [Batch] {
        try await connection.transaction { transaction in
            let domains = PostgresValue.optional(domains) { .texts($0) }
            let marked =
                if let ids {
                    try await transaction.query(Self.markSome, [domains, .texts(ids)])
                } else {
                    try await transaction.query(Self.markAll, [domains])
                }
            guard !marked.isEmpty else { return [] }
            let found = try marked.map { try $0.get(0, as: String.self) }
            let batches = try await transaction.query(
                PostgresStatement(trusted: Batch.select("WHERE b.id = ANY ($1)")), [.texts(found)]
            ).map(Batch.init)
            try await transaction.commit(after: batches.map(Self.event))
            return batches
        }
    }

    private static func mark(_ condition: String) -> PostgresStatement {
        let finished = BatchCounts.names.filter { $0 != "dead_lettered" }.map { "p.\($0)" }.joined(separator: " + ")
        return PostgresStatement(
            trusted: """
                UPDATE adjutant.batches b SET completed_at = clock_timestamp()
                WHERE b.closed_at IS NOT NULL AND b.completed_at IS NULL
                    AND ($1::text[] IS NULL OR b.domain = ANY ($1::text[])) \(condition) AND b.total <=
                    (SELECT coalesce(sum(\(finished)), 0) FROM adjutant.batch_progress p WHERE p.batch_id = b.id)
                RETURNING b.id
                """)
    }

    private static let markSome = Self.mark("AND b.id = ANY ($2)")
    private static let markAll = Self.mark("")

    // MARK: - The event

    static let type = "adjutant.batch.completed"

    static func event(_ batch: Batch) -> PostgresCall {
        let headers: [String: JSONValue] = [
            "content-type": "application/json", "ce_specversion": "1.0",
            "ce_id": .string(Identifier.eventID(kind: "batch.completed", commandID: batch.id)),
            "ce_source": .string("adjutant/\(batch.domain)"), "ce_type": .string(Self.type),
            "ce_time": .string(RFC3339.format(batch.completedAt?.microseconds ?? 0)),
            "ce_subject": .string(batch.id), "ce_batchid": .string(batch.id), "ce_correlationid": .string(batch.id),
        ]
        var writer = JSONWriter()
        writer.value(.object(headers))
        return PostgresCall(
            "SELECT adjutant.outbox_put($1, $2, $3, $4)",
            [
                .text(Domain(batch.domain).resultsTopic), .text(batch.id), .bytes(Self.data(batch)),
                .json(String(decoding: writer.finish(), as: UTF8.self)),
            ])
    }

    private static func data(_ batch: Batch) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("batchId")
        writer.string(batch.id)
        writer.key("name")
        writer.string(batch.name)
        writer.key("state")
        writer.string(batch.state.rawValue)
        writer.key("total")
        writer.int(batch.total)
        writer.key("succeeded")
        writer.int(batch.counts.succeeded)
        writer.key("failed")
        writer.beginObject()
        for (name, count) in batch.counts.failedByClass {
            writer.key(escaping: name)
            writer.int(count)
        }
        writer.endObject()
        writer.key("cancelled")
        writer.int(batch.counts.cancelled)
        writer.key("deadLettered")
        writer.int(batch.counts.deadLettered)
        writer.key("createdAt")
        writer.timestamp(batch.createdAt.microseconds, precision: .microseconds)
        writer.key("completedAt")
        writer.timestamp(batch.completedAt?.microseconds ?? 0, precision: .microseconds)
        writer.endObject()
        return writer.finish()
    }
}
