import Commands

/// Where outcome events, retries and dead letters go.
package protocol EventSink: AnyObject, Sendable {
    /// Queues a record for a topic, with a delivery report to come for `work`, exactly one for each accepted record.
    ///
    /// The record is copied; it may be reused at once. From any thread.
    ///
    /// - Parameter partition: The partition to use if the topic has it; negative for the one that the key hashes to.
    func send(_ record: borrowing OutgoingRecord, to topic: String, partition: Int32, for work: Work) -> SendResult
    /// Hands over the delivery reports that have come, on the caller's thread; does nothing while another thread is at
    /// it. From any thread.
    func report()
    /// Whether threads call ``report()`` again and again, so that the sink's own thread need not wake for each report.
    /// It still looks every few milliseconds.
    func leaveReports(toCallers: Bool)
    /// Makes what is queued leave without waiting for more.
    func flushSoon()
    /// Waits until all is delivered or the time is up; true when nothing is left. Blocks: never call it on a task.
    func flush(milliseconds: Int) -> Bool
    /// Drops what is not delivered, reports it as failed, and lets go of everything.
    func close()
}

package enum SendResult: Sendable {
    case accepted
    /// No room now: wait and send again.
    case full
    /// The record can never be sent as it is.
    case refused(DeliveryFailure)
}

/// Why a record was not delivered.
package struct DeliveryFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The broker or the client says that the record is too large.
        case tooLarge
        /// Dropped at close, and at no other time.
        case dropped
        case other
    }

    package var kind: Kind
    package var message: String

    package init(kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { self.message }
}

/// Takes delivery reports, in batches, on the sink's own thread or on one that asks for them; one batch at a time.
package protocol DeliveryReceiver: AnyObject, Sendable {
    /// One entry for each delivered record: its work.
    func delivered(_ works: [Work])
    /// A record that can never be delivered as it is; others the sink sends again by itself.
    ///
    /// - Parameter commandID: As the record's headers tell, for who reads the log.
    func undeliverable(_ work: Work, topic: String, commandID: String?, failure: DeliveryFailure)
}
