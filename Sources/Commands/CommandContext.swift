import Logging

/// What a handler knows about the command besides its data.
public struct CommandContext: Sendable {
    package let envelope: Envelope
    private let surroundings: ContextSurroundings
    /// Which run of the handler this is, counted from 1.
    public let attempt: Int
    /// How many runs the policy allows.
    public let maxAttempts: Int
    /// When this attempt times out.
    public let deadline: ContinuousClock.Instant
    let database: (any CommandDatabase)?

    package init(
        envelope: Envelope, surroundings: ContextSurroundings, attempt: Int, maxAttempts: Int,
        deadline: ContinuousClock.Instant, database: (any CommandDatabase)? = nil
    ) {
        self.database = database
        self.envelope = envelope
        self.surroundings = surroundings
        self.attempt = attempt
        self.maxAttempts = maxAttempts
        self.deadline = deadline
    }

    /// The domain whose topics the command came from.
    public var domain: Domain { self.surroundings.domain }
    /// The name of the worker process that runs the handler.
    public var worker: String { self.surroundings.worker }

    /// Where the command was first read: the commands topic, also on a later attempt by way of a retry topic.
    public var origin: RecordOrigin {
        let record = self.envelope.original
        if record.topic != self.surroundings.domain.commandsTopic, let text = self.envelope.text(.origin),
            let origin = RecordOrigin(text)
        {
            return origin
        }
        return RecordOrigin(topic: record.topic, partition: record.partition, offset: record.offset)
    }

    /// The command id: the same on every attempt, so it serves as an idempotency key towards other systems.
    public var commandID: String { self.envelope.id }
    public var type: CommandType { CommandType(self.envelope.type) }
    public var source: String { self.envelope.text(.source) ?? "" }
    public var subject: String? { self.envelope.text(.subject) }
    /// The ordering key, as text; nil when the command has none.
    public var key: String? { self.envelope.orderingKeyText }
    public var correlationID: String { self.envelope.text(.correlationid) ?? self.envelope.id }
    public var causationID: String? { self.envelope.text(.causationid) }
    public var actor: String? { self.envelope.text(.actor) }
    public var tenant: String? { self.envelope.text(.tenant) }
    public var batchID: String? { self.envelope.text(.batchid) }
    public var sagaID: String? { self.envelope.text(.sagaid) }
    /// The W3C trace context of the hop that sent the command.
    public var traceparent: String? { self.envelope.text(.traceparent) }
    public var isLastAttempt: Bool { self.attempt >= self.maxAttempts }

    /// A header or CloudEvents extension attribute by its header name, for example `ce_myextension`.
    public func header(_ name: String) -> String? {
        self.envelope.view.header(named: name).flatMap { self.envelope.view.text($0) }
    }

    /// Logs with the command's id, type, key and attempt as metadata.
    public var logger: Logger {
        var logger = self.surroundings.logger
        logger[metadataKey: "command.id"] = "\(self.commandID)"
        logger[metadataKey: "command.type"] = "\(self.envelope.type)"
        logger[metadataKey: "command.attempt"] = "\(self.attempt)"
        if let key = self.key { logger[metadataKey: "command.key"] = "\(key)" }
        return logger
    }
}

/// What all commands of a domain share in one worker.
package final class ContextSurroundings: Sendable {
    package let domain: Domain
    package let worker: String
    package let logger: Logger

    package init(domain: Domain, worker: String, logger: Logger) {
        self.domain = domain
        self.worker = worker
        self.logger = logger
    }
}

/// The coordinates of a record: `topic/partition/offset`.
public struct RecordOrigin: Sendable, Hashable, CustomStringConvertible {
    public var topic: String
    public var partition: Int32
    public var offset: Int64

    public init(topic: String, partition: Int32, offset: Int64) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
    }

    /// Reads `topic/partition/offset`; topics cannot contain a slash.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let partition = Int32(parts[1]), let offset = Int64(parts[2]),
            partition >= 0, offset >= 0
        else { return nil }
        self.init(topic: String(parts[0]), partition: partition, offset: offset)
    }

    public var description: String { "\(self.topic)/\(self.partition)/\(self.offset)" }
}
