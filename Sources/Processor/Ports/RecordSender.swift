import Commands

/// Where records go that are kept elsewhere until they are delivered, the outbox's for example.
package protocol RecordSender: AnyObject, Sendable {
    /// Queues a record; it is copied and may be reused at once. From any thread.
    ///
    /// Records of one topic and key that are accepted arrive in the order of the calls, and none arrives before the one
    /// ahead of it has: after a failure the later ones fail too, and until the receiver has heard of all of them nothing
    /// is accepted. The receiver may be waiting for this call meanwhile, so hold no lock while reporting.
    ///
    /// - Parameters:
    ///   - ticket: Comes back in the report, exactly one for each accepted record.
    ///   - isTrial: Whether it is uncertain that the topic takes it, so that its failure must not disturb others.
    func send(_ record: borrowing OutgoingRecord, to topic: String, ticket: Int, isTrial: Bool) -> RecordSendResult
    /// Gives up what is not delivered, which is reported as unknown, and goes on from new.
    func startOver()
    /// Gives up what is not delivered, reports it as unknown, and lets go of everything. Blocks.
    func close()
}

package enum RecordSendResult: Sendable, Hashable {
    case accepted
    /// No room now: wait and send again.
    case full
    case failed(RecordOutcome)
}

/// What became of a record.
package enum RecordOutcome: Sendable, Hashable {
    case delivered
    /// The topic takes nothing at present: it does not exist, or access is denied.
    case refused(String)
    /// The topic will never take this record, or one that travelled with it, as it is.
    case unacceptable(String)
    /// It may have arrived, or not.
    case unknown
}

package struct RecordReport: Sendable, Hashable {
    package var ticket: Int
    package var outcome: RecordOutcome

    package init(ticket: Int, outcome: RecordOutcome) {
        self.ticket = ticket
        self.outcome = outcome
    }
}

/// Takes reports, in batches, on the sender's own thread.
package protocol RecordReceiver: AnyObject, Sendable {
    func settled(_ reports: [RecordReport])
}
