import Commands

/// Where replayed letters, copies, notes and events go. Everything blocks: one thread uses it.
package protocol DeadLetterSink: AnyObject {
    /// Queues a copy of the record.
    ///
    /// - Parameters:
    ///   - partition: The partition to use if the topic has it; negative for the one that the key hashes to.
    ///   - token: Comes back with the report.
    /// - Returns: False when there is no room now.
    /// - Throws: When the record can never be sent.
    func send(_ record: borrowing OutgoingRecord, to topic: String, partition: Int32, token: Int) throws -> Bool
    /// Makes what is queued leave now, rather than with more that may come.
    func hurry()
    /// Hands over reports, after waiting so long for the first; exactly one comes for each queued record.
    func serve(milliseconds: Int, _ report: (SinkReport) -> Void)
    func close()
}

/// What became of a record.
package struct SinkReport: Sendable {
    package var token: Int
    package var partition: Int32
    package var offset: Int64
    /// Nil when the broker has it.
    package var failure: SinkFailure?

    package init(token: Int, partition: Int32, offset: Int64, failure: SinkFailure? = nil) {
        self.token = token
        self.partition = partition
        self.offset = offset
        self.failure = failure
    }
}

/// Why a record was not taken.
package struct SinkFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Only this record: it is too large, say. Otherwise the way to the broker is at fault.
    package var isOfRecord: Bool
    package var error: DeadLetterError

    package init(isOfRecord: Bool, error: DeadLetterError) {
        self.isOfRecord = isOfRecord
        self.error = error
    }

    package var description: String { self.error.description }
}
