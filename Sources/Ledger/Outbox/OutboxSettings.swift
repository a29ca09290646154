/// How a relay of the outbox works.
package struct OutboxSettings: Sendable {
    /// Rows that are read and sent together, at most.
    package var groupRows = 4000
    /// Bytes of their values, at most, a single larger one aside.
    package var groupBytes = 16 << 20
    /// How long a relay that is not heard of keeps its slots.
    package var lease: Duration = .seconds(10)
    /// How long new rows may wait when no notification tells of them.
    package var pollInterval: Duration = .seconds(1)
    /// How long a group waits for a topic's reports before others go on without that topic.
    package var patience: Duration = .milliseconds(250)
    /// Without any report for so long, the sender starts over and other relays may try.
    package var deliveryTimeout: Duration = .seconds(30)
    /// The first wait after a topic refused; it doubles up to the last.
    package var refusalDelay: Duration = .seconds(1)
    package var lastRefusalDelay: Duration = .seconds(60)
    /// How long a stop waits for records under way.
    package var grace: Duration = .seconds(10)
    /// Topics whose records may be cut down to a note of their size when they are too large.
    package var truncatable: Set<String> = []
    /// The worker's name, for operators.
    package var worker = "adjutant"
    /// False where the database is reached through a proxy that does not pass notifications on.
    package var listens = true

    package init() {}
}
