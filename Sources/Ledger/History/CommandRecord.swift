import PostgresClient

/// What is known of one command.
package struct CommandRecord: Sendable {
    package var domain: String
    package var id: String
    package var type: String
    package var key: String?
    /// retrying, scheduled, succeeded, failed, cancelled or expired.
    package var state: String
    /// The failure's class, code and message; of the last attempt as long as the command is not finished.
    package var failureClass: String?
    package var code: String?
    package var message: String?
    /// A JSON array, when the data was not valid.
    package var problems: String?
    package var attempts: Int
    package var isDeadLettered: Bool
    package var replays: Int
    package var worker: String?
    package var originTopic: String?
    package var originPartition: Int?
    package var originOffset: Int64?
    package var correlationID: String
    package var causationID: String?
    package var actor: String?
    package var tenant: String?
    package var batchID: String?
    package var sagaID: String?
    package var receivedAt: PostgresTimestamp
    package var startedAt: PostgresTimestamp?
    /// Nil until it has its outcome.
    package var finishedAt: PostgresTimestamp?
    /// When the next attempt is to begin, as long as there is one and that is known.
    package var dueAt: PostgresTimestamp?
    /// What the handler returned; nil where only the row was asked for, or when there is none.
    package var output: [UInt8]?

    static let columns = """
        domain, id, type, key, state, class, code, message, problems, attempts, dead_lettered, replays, worker, \
        origin_topic, origin_partition, origin_offset, correlation_id, causation_id, actor, tenant, batch_id, saga_id, \
        received_at, started_at, finished_at, due_at
        """

    /// - Parameter hasOutput: The column `output` follows the others.
    init(_ row: PostgresRow, hasOutput: Bool = false) throws {
        self.domain = try row.get(0)
        self.id = try row.get(1)
        self.type = try row.get(2)
        self.key = try row.get(3)
        self.state = try row.get(4)
        self.failureClass = try row.get(5)
        self.code = try row.get(6)
        self.message = try row.get(7)
        self.problems = try row.get(8)
        self.attempts = try row.get(9)
        self.isDeadLettered = try row.get(10)
        self.replays = try row.get(11)
        self.worker = try row.get(12)
        self.originTopic = try row.get(13)
        self.originPartition = try row.get(14)
        self.originOffset = try row.get(15)
        self.correlationID = try row.get(16, as: String?.self) ?? self.id
        self.causationID = try row.get(17)
        self.actor = try row.get(18)
        self.tenant = try row.get(19)
        self.batchID = try row.get(20)
        self.sagaID = try row.get(21)
        self.receivedAt = try row.get(22)
        self.startedAt = try row.get(23)
        self.finishedAt = try row.get(24)
        self.dueAt = try row.get(25)
        self.output = hasOutput ? try row.get(26) : nil
    }
}

/// Something that happened to a command which its row does not tell.
package struct CommandEvent: Sendable {
    package var at: PostgresTimestamp
    package var event: String
    package var attempt: Int
    package var failureClass: String?
    package var code: String?
    package var message: String?
    package var worker: String?

    init(_ row: PostgresRow) throws {
        self.at = try row.get(0)
        self.event = try row.get(1)
        self.attempt = try row.get(2)
        self.failureClass = try row.get(3)
        self.code = try row.get(4)
        self.message = try row.get(5)
        self.worker = try row.get(6)
    }
}
