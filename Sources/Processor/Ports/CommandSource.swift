import Commands

/// A partition of a topic.
package struct TopicPartition: Hashable, Sendable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package var description: String { "\(self.topic)/\(self.partition)" }
}

/// What the group has committed for one partition.
package struct CommittedOffset: Sendable {
    package var partition: TopicPartition
    /// The next offset to read; nil when the group has never committed.
    package var offset: Int64?
    package var metadata: String?

    package init(partition: TopicPartition, offset: Int64?, metadata: String?) {
        self.partition = partition
        self.offset = offset
        self.metadata = metadata
    }
}

/// What to commit for one partition.
package struct OffsetCommit: Sendable, Hashable {
    package var partition: TopicPartition
    package var offset: Int64
    package var metadata: String

    package init(partition: TopicPartition, offset: Int64, metadata: String) {
        self.partition = partition
        self.offset = offset
        self.metadata = metadata
    }
}

/// Something that happened at the source besides a record.
package enum SourceEvent: Sendable {
    /// The group gives us partitions; nothing arrives from them before ``CommandSource/begin(_:)``.
    case assigned([TopicPartition])
    /// The group takes partitions away and waits for ``CommandSource/release(_:)``. With `lost`, another member may
    /// own them already: nothing may be committed.
    case revoked([TopicPartition], lost: Bool)
    /// An asynchronous commit ended.
    case committed([TopicPartition], failure: SourceFailure?)
    /// Something is wrong; the worker must stop when it is fatal.
    case failed(SourceFailure)
}

/// A failure of the broker connection or of the client library.
package struct SourceFailure: Error, Sendable, CustomStringConvertible {
    /// What kind of trouble, so that a program can choose its exit code.
    package enum Kind: Sendable, Hashable {
        case unreachable, denied, missing, offsetOutOfRange, fenced, other
    }

    package var kind: Kind
    package var message: String
    /// Whether going on is pointless.
    package var isFatal: Bool

    package init(kind: Kind, message: String, isFatal: Bool) {
        self.kind = kind
        self.message = message
        self.isFatal = isFatal
    }

    package var description: String { self.message }
}

/// What one poll brought: records in order, then at most one event that came after them.
package struct SourceBatch: Sendable {
    package var records: [Record] = []
    package var event: SourceEvent?

    package init() {}

    package mutating func reset() {
        self.records.removeAll(keepingCapacity: true)
        self.event = nil
    }
}

/// How much one poll may bring.
package struct PollLimit: Sendable, Hashable {
    package var records: Int
    /// Of keys, headers and values; the last record may go past it.
    package var bytes: Int

    package init(records: Int, bytes: Int) {
        self.records = records
        self.bytes = bytes
    }
}

/// Where commands come from. All methods but ``wake()`` are called on the intake thread only, and may block it.
package protocol CommandSource: AnyObject, Sendable {
    /// Waits up to `milliseconds` for the first record or event, then takes what is there: no more than the limit's
    /// records, and none once its bytes are reached.
    func poll(milliseconds: Int, limit: PollLimit, into batch: inout SourceBatch)
    /// The group's offsets and metadata.
    func committed(_ partitions: [TopicPartition]) throws -> [CommittedOffset]
    /// Starts reading newly assigned partitions: at the offset, or at the beginning where it is nil.
    func begin(_ partitions: [(partition: TopicPartition, offset: Int64?)]) throws
    /// Gives up revoked partitions; their pauses end.
    func release(_ partitions: [TopicPartition]) throws
    func pause(_ partitions: [TopicPartition])
    func resume(_ partitions: [TopicPartition])
    /// Commits.
    ///
    /// - Parameter milliseconds: How long to wait for the answer, which is thrown if it is a failure or does not come;
    ///   with nil it comes as ``SourceEvent/committed(_:failure:)``.
    func commit(_ offsets: [OffsetCommit], waiting milliseconds: Int?) throws
    /// The offset after the last record of a partition, as far as it is known; a paused partition's must be asked for.
    func end(of partition: TopicPartition, isPaused: Bool) -> Int64?
    /// Makes a waiting ``poll(milliseconds:limit:into:)`` return; from any thread.
    func wake()
    /// Leaves the group and lets go of everything; what takes longer is left to the group's session timeout.
    func close(milliseconds: Int)
}

extension CommandSource {
    package func end(of partition: TopicPartition, isPaused: Bool) -> Int64? { nil }
}
