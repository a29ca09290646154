import PostgresClient

/// What became of commands: the rows that workers wrote in the transactions of the commands themselves.
package struct HistoryStore: Sendable {
    let session: any PostgresSession

    package init(_ session: any PostgresSession) { self.session = session }

    /// Commands that match, the last received first.
    package func search(_ filter: HistoryFilter, limit: Int = 100) async throws -> Page<CommandRecord> {
        let domains = filter.needsDomains ? try await self.domains() : []
        var conditions = filter.conditions(domains: domains)
        let size = conditions.parameter(.int(limit + 1))
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(CommandRecord.columns) FROM adjutant.commands \(conditions.clause)
                    ORDER BY received_at DESC, id DESC, domain DESC LIMIT \(size)
                    """, isPrepared: false), conditions.parameters)
        var records = try rows.map { try CommandRecord($0) }
        guard records.count > limit else { return Page(rows: records, next: nil) }
        records.removeLast(records.count - limit)
        return Page(
            rows: records,
            next: records.last.map { PageCursor(time: $0.receivedAt, id: $0.id, domain: $0.domain) })
    }

    /// One command with its output and all that happened to it; several when domains share the id.
    package func find(_ id: String, domain: String? = nil) async throws -> [(
        record: CommandRecord, events: [CommandEvent]
    )] {
        let domains = if let domain { [domain] } else { try await self.domains() }
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(CommandRecord.columns), output FROM adjutant.commands
                    WHERE domain = ANY ($1) AND id = $2 ORDER BY domain
                    """), [.texts(domains), .text(id)])
        var found: [(CommandRecord, [CommandEvent])] = []
        for row in rows {
            let record = try CommandRecord(row, hasOutput: true)
            let events = try await self.session.query(
                """
                SELECT at, event, attempt, class, code, message, worker FROM adjutant.events
                WHERE domain = $1 AND command_id = $2 ORDER BY at, attempt
                """, [.text(record.domain), .text(id)])
            found.append((record, try events.map(CommandEvent.init)))
        }
        return found
    }

    /// Keeps a command from beginning; it need not have arrived yet.
    ///
    /// One that runs at the moment is not stopped; should that attempt fail, no other follows.
    ///
    /// - Throws: ``LedgerError`` when it has its outcome already.
    package func cancel(_ id: String, domain: String, reason: String? = nil, by actor: String? = nil) async throws {
        let rows = try await self.session.query(
            """
            WITH finished AS (
                SELECT state FROM adjutant.commands WHERE domain = $1 AND id = $2 AND finished_at IS NOT NULL
            ), made AS (
                INSERT INTO adjutant.cancellations (domain, id, reason, actor)
                SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM finished)
                ON CONFLICT (domain, id) DO NOTHING
            )
            SELECT state FROM finished
            """,
            [
                .text(domain), .text(id), .optional(reason, PostgresValue.text), .optional(actor, PostgresValue.text),
            ])
        if let row = rows.first {
            throw LedgerError(.conflict, "command \(id) has ended already: \(try row.get(0, as: String.self))")
        }
    }

    /// Every domain that a command is known of: one step down the primary key for each.
    private func domains() async throws -> [String] {
        try await self.session.query(
            """
            WITH RECURSIVE d AS (
                (SELECT domain FROM adjutant.commands ORDER BY domain LIMIT 1)
                UNION ALL
                SELECT (SELECT c.domain FROM adjutant.commands c WHERE c.domain > d.domain ORDER BY c.domain LIMIT 1)
                FROM d WHERE d.domain IS NOT NULL
            )
            SELECT domain FROM d WHERE domain IS NOT NULL
            """
        ).map { try $0.get(0) }
    }
}
