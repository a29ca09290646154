import PostgresClient
import Processor

extension HistoryStore {
    /// An outcome that somebody gave a dead-lettered command by hand.
    package struct Resolution: Sendable {
        package var domain: String
        package var id: String
        package var type: String
        /// The result that is published: JSON.
        package var output: [UInt8]
        package var actor: String
        package var reason: String
        package var key: String?
        package var attempts = 0
        /// How often the letter's command was replayed before it came there.
        package var replays = 0
        package var correlationID: String?
        package var causationID: String?
        package var commandActor: String?
        package var tenant: String?
        package var batchID: String?
        package var sagaID: String?
        /// Microseconds since 1970, of a command that the database does not know.
        package var receivedAt: Int64
        /// Microseconds since 1970.
        package var finishedAt: Int64

        package init(
            domain: String, id: String, type: String, output: [UInt8], actor: String, reason: String,
            receivedAt: Int64, finishedAt: Int64
        ) {
            self.domain = domain
            self.id = id
            self.type = type
            self.output = output
            self.actor = actor
            self.reason = reason
            self.receivedAt = receivedAt
            self.finishedAt = finishedAt
        }
    }

    /// Makes a success of a command that was given up: its repeats are answered with that from then on.
    ///
    /// Doing it again with the same result changes nothing. The command stays marked as dead-lettered, so that its letter,
    /// parked again and replayed, runs; batches count its first outcome, as they do when a letter is replayed.
    ///
    /// - Throws: ``LedgerError`` when it has an outcome that was no dead letter.
    package func resolve(_ resolution: Resolution) async throws {
        func text(_ value: String?) -> PostgresValue {
            .optional(value.map { DatabaseText.clean($0).cut(toBytes: EntryColumns.textLimit) }, PostgresValue.text)
        }
        let id = PostgresValue.text(DatabaseText.clean(resolution.id))
        let written = try await self.session.query(
            Self.resolveCommand,
            [
                .text(resolution.domain), id, text(resolution.type), text(resolution.key), .int(resolution.attempts),
                .int(resolution.replays), text(resolution.correlationID), text(resolution.causationID),
                text(resolution.commandActor), text(resolution.tenant), text(resolution.batchID),
                text(resolution.sagaID), .timestamp(PostgresTimestamp(microseconds: resolution.receivedAt)),
                .timestamp(PostgresTimestamp(microseconds: resolution.finishedAt)),
                .int64(.random(in: .min ... .max)), .bytes(resolution.output),
                text("by \(resolution.actor): \(resolution.reason)"),
            ])
        guard written.isEmpty else { return }
        let found = try await self.session.query(
            """
            SELECT state, dead_lettered FROM adjutant.commands
            WHERE domain = $1 AND id = $2 AND finished_at IS NOT NULL
            """, [.text(resolution.domain), id]
        ).first
        // Not written, and a dead letter's success: this very result was recorded before.
        guard let found, try !found.get(1, as: Bool.self) else { return }
        throw LedgerError(
            .conflict,
            "command \(resolution.id) has an outcome that stands: \(try found.get(0, as: String.self)); see `commands show`"
        )
    }

    private static let resolveCommand: PostgresStatement = """
        WITH done AS (
            INSERT INTO adjutant.commands AS c (
                domain, id, type, key, state, attempts, dead_lettered, replays, correlation_id, causation_id, actor,
                tenant, batch_id, saga_id, received_at, finished_at, run, output)
            VALUES ($1, $2, $3, $4, 'succeeded', $5::int8::int4, true, $6::int8::int4, $7, $8, $9, $10, $11, $12, $13,
                $14, $15, $16)
            ON CONFLICT (domain, id) DO UPDATE SET
                state = excluded.state, class = NULL, code = NULL, message = NULL, problems = NULL,
                dead_lettered = true, replays = greatest(c.replays, excluded.replays),
                finished_at = excluded.finished_at, run = excluded.run, output = excluded.output, due_at = NULL
            WHERE c.finished_at IS NULL
                OR (c.dead_lettered AND (c.state <> 'succeeded' OR c.output IS DISTINCT FROM excluded.output))
            RETURNING c.domain, c.id, c.attempts
        ),
        told AS (
            INSERT INTO adjutant.events (domain, command_id, event, attempt, message)
            SELECT domain, id, 'resolved', attempts, $17 FROM done
        )
        SELECT id FROM done
        """
}
