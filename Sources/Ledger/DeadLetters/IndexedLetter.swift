import PostgresClient

/// A dead letter as the index has it: all that its headers say, and what was done about it.
package struct IndexedLetter: Sendable {
    package var partition: Int32
    package var offset: Int64
    /// Kafka's time, milliseconds since 1970.
    package var recordedAt: Int64
    /// Microseconds since 1970.
    package var failedAt: Int64
    package var firstFailedAt: Int64?
    package var type: String?
    package var commandID: String?
    package var key: String?
    package var failureClass: String?
    package var code: String?
    package var message: String?
    package var fingerprint: String
    package var group: String?
    package var format: String
    package var originTopic: String?
    package var originPartition: Int32?
    package var originOffset: Int64?
    package var attempts: Int?
    package var replays: Int
    /// Of the value; nil for a tombstone.
    package var bytes: Int?
    /// False where something in it could not be kept as it is: the topic must be asked then.
    package var isExact: Bool
    package var state: String

    package init(
        partition: Int32, offset: Int64, recordedAt: Int64, failedAt: Int64, fingerprint: String, format: String
    ) {
        self.partition = partition
        self.offset = offset
        self.recordedAt = recordedAt
        self.failedAt = failedAt
        self.fingerprint = fingerprint
        self.format = format
        self.replays = 0
        self.isExact = true
        self.state = "parked"
    }

    static let columns = """
        partition, record_offset, recorded_at, failed_at, first_failed_at, type, command_id, key, class, code, message, \
        fingerprint, consumer_group, format, origin_topic, origin_partition, origin_offset, attempts, replays, bytes, \
        is_exact, state
        """

    init(_ row: PostgresRow) throws {
        self.partition = try row.get(0)
        self.offset = try row.get(1)
        self.recordedAt = try row.get(2)
        self.failedAt = try row.get(3, as: PostgresTimestamp.self).microseconds
        self.firstFailedAt = try row.get(4, as: PostgresTimestamp?.self)?.microseconds
        self.type = try row.get(5)
        self.commandID = try row.get(6)
        self.key = try row.get(7)
        self.failureClass = try row.get(8)
        self.code = try row.get(9)
        self.message = try row.get(10)
        self.fingerprint = try row.get(11)
        self.group = try row.get(12)
        self.format = try row.get(13)
        self.originTopic = try row.get(14)
        self.originPartition = try row.get(15)
        self.originOffset = try row.get(16)
        self.attempts = try row.get(17)
        self.replays = try row.get(18)
        self.bytes = try row.get(19)
        self.isExact = try row.get(20)
        self.state = try row.get(21)
    }
}

/// Letters of one cause.
package struct IndexedCause: Sendable {
    package var count: Int
    /// Microseconds since 1970.
    package var firstSeen: Int64
    /// By name.
    package var states: [String: Int]
    /// The youngest.
    package var example: IndexedLetter
}
