import Commands

/// Where dead letters and what is noted of them are read. Everything blocks: use a thread that may.
package protocol DeadLetterSource: AnyObject {
    /// The partitions with their first offsets and their ends as they are now; nil when there is no such topic.
    func ranges(of topic: String) throws -> [PartitionRange]?
    /// Reads parts of topics, each partition in order. Ranges whose end is `Int64.max` are followed for ever.
    func reader(_ ranges: [String: [PartitionRange]]) throws -> any DeadLetterReader
}

/// Reads the ranges that it was made for; one thread uses it.
package protocol DeadLetterReader: AnyObject {
    /// Appends what is there, after waiting so long for the first record.
    func read(milliseconds: Int, into records: inout [Record]) throws
    /// All ranges are read to their ends.
    var isComplete: Bool { get }
    /// Records of the ranges that were gone when their turn came.
    var missing: Int { get }
    func close()
}

/// Why reading or sending went wrong.
package struct DeadLetterError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// No broker answers.
        case unreachable
        case denied
        case missing
        /// In the way of something else that runs.
        case conflict
        case other
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { self.message }
}
