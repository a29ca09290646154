import Commands
import Processor

/// The names of the events on the audit topic.
enum AuditEvents {
    static let names = AuditEvent.allCases.map(\.rawValue)
}

/// What the messages of every domain have in common.
enum AsyncAPISchemas {
    static let shared: [(name: String, value: DocumentTree)] = [
        ("commandHeaders", object(commandHeaders, required: ["ce_specversion", "ce_id", "ce_source", "ce_type"])),
        (
            "retryHeaders",
            object(
                commandHeaders + retryHeaders,
                required: [
                    "ce_id", "ce_source", "ce_type", "adjutant-attempt", "adjutant-due", "adjutant-origin",
                ])
        ),
        (
            "outcomeHeaders",
            object(
                eventHeaders + [("adjutant-attempt", count("Attempts made")), ("adjutant-truncated", truncated)]
                    + trace,
                required: eventRequired + ["adjutant-attempt"])
        ),
        ("auditHeaders", object(eventHeaders + trace, required: eventRequired.filter { !ofACommand.contains($0) })),
        (
            "batchHeaders",
            object(
                eventHeaders.filter { !["ce_causationid", "ce_actor", "ce_tenant", "ce_sagaid"].contains($0.name) },
                required: ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_batchid"])
        ),
        ("deadLetterHeaders", object(deadLetterHeaders, required: deadLetterHeaders.map(\.name))),
        ("failure", failure), ("audit", audit), ("batch", batch),
    ]

    typealias Member = (name: String, value: DocumentTree)

    // MARK: - Headers

    private static let commandHeaders: [Member] =
        [
            ("content-type", text("What the data is; JSON when absent")),
            ("ce_specversion", ["const": "1.0"]),
            ("ce_id", ["type": "string", "minLength": 1, "maxLength": 128, "description": "The command id"]),
            ("ce_source", ["type": "string", "minLength": 1, "description": "Who sent the command"]),
            ("ce_type", ["type": "string", "minLength": 1, "description": "The command type"]),
            ("ce_time", time("When the command was made")), ("ce_subject", text("What the command is about")),
            ("ce_dataschema", text("Where the data's schema is described")),
            ("ce_datacontenttype", text("What the data is, for senders that do not set content-type")),
            ("ce_correlationid", text("What the command belongs to; the command id when absent")),
            ("ce_causationid", text("What caused the command")),
            ("ce_partitionkey", text("The ordering key of a record without a key")),
            ("ce_expirytime", time("A command is not started after that")),
            ("ce_replyto", text("A topic that also gets the outcome, if the worker allows it")),
            ("ce_notbefore", time("The command is not run before that")),
        ] + carried + trace

    private static let carried: [Member] = [
        ("ce_actor", text("For whom")), ("ce_tenant", text("Whose")), ("ce_batchid", text("The batch it is part of")),
        ("ce_sagaid", text("The saga it is part of")),
    ]

    private static let trace: [Member] = [
        ("traceparent", text("W3C trace context")), ("tracestate", text("W3C trace context")),
        ("baggage", text("W3C baggage")),
    ]

    private static let retryHeaders: [Member] = [
        ("adjutant-attempt", count("Attempts made")), ("adjutant-due", count("Unix milliseconds: not run earlier")),
        ("adjutant-origin", text("Where the command was first read: topic/partition/offset")),
        ("adjutant-first-failed", time("When the first attempt failed")),
        ("adjutant-postponements", count("How often a start was put off")),
        ("adjutant-error-class", ["type": "string", "enum": classes]),
        ("adjutant-error-code", text("Of the last failure")),
    ]

    private static let eventHeaders: [Member] =
        [
            ("content-type", ["const": "application/json"]), ("ce_specversion", ["const": "1.0"]),
            (
                "ce_id",
                ["type": "string", "format": "uuid", "description": "The same whenever the event is sent again"]
            ),
            ("ce_source", text("adjutant/<domain>")), ("ce_type", text("What happened")),
            ("ce_time", time("When it happened")), ("ce_subject", text("The command id")),
            ("ce_causationid", text("The command id")),
            ("ce_correlationid", text("The command's, else the command id")),
        ] + carried

    private static let eventRequired = [
        "content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "ce_causationid",
        "ce_correlationid",
    ]

    /// What events of records without a readable id lack.
    private static let ofACommand = ["ce_subject", "ce_causationid", "ce_correlationid"]

    private static let deadLetterHeaders: [Member] = [
        ("__dlq.errors.topic", text("Where the record came from")),
        ("__dlq.errors.partition", count("Where the record came from")),
        ("__dlq.errors.offset", count("Where the record came from")),
        ("__dlq.errors.group", text("The consumer group")),
        ("__dlq.errors.delivery.count", count("Attempts made, one at least")),
        ("__dlq.errors.message", text("The code and the reason")),
        ("adjutant-error-class", ["type": "string", "enum": classes]), ("adjutant-error-code", text("The code")),
        ("adjutant-first-failed", time("When the first attempt failed")),
        ("adjutant-failed", time("When the last attempt failed")),
        ("adjutant-replays", count("How often the command was replayed")),
        ("adjutant-fingerprint", text("The same for equal causes")),
    ]

    private static let truncated = count("Bytes that the data had; there when it was too large to be sent")

    // MARK: - Payloads

    private static let failure = object(
        [
            ("class", ["type": "string", "enum": finalClasses]), ("code", text("A word for programs")),
            ("message", text("A sentence for people")), ("attempts", integer("Attempts made; 0 when it did not run")),
            ("deadLettered", ["type": "boolean", "description": "Whether the record is parked as a dead letter"]),
            (
                "errors",
                [
                    "type": "array", "description": "Every problem of invalid data",
                    "items": object(
                        [
                            ("path", text("As items[0].price; empty for the whole")),
                            ("code", text("A word for programs")),
                            ("message", text("A sentence for people")),
                        ], required: ["path", "code", "message"]),
                ]
            ),
        ], required: ["class", "code", "message", "attempts", "deadLettered", "errors"])

    private static let origin = object(
        [
            ("topic", text("Where the command was first read")), ("partition", integer("")), ("offset", integer("")),
        ], required: ["topic", "partition", "offset"])

    private static let audit = object(
        [
            ("commandId", nullable("Null when the record's id cannot be read")), ("type", nullable("The command type")),
            ("key", nullable("The ordering key")), ("attempt", integer("Attempts made")),
            ("class", nullable("Of the failure, if there was one")), ("code", nullable("Of the failure")),
            ("worker", nullable("The worker process; null for what operators do")),
            ("origin", ["anyOf": [origin, ["type": "null"]]]),
            ("receivedAt", time("When the worker took the record")), ("startedAt", time("When the attempt began")),
            ("finishedAt", time("When the attempt ended")),
            ("action", text("What operators did")), ("actionId", text("Of what operators did")),
            ("actor", text("Who did it")), ("reason", text("Why")), ("filter", text("With which letters")),
            ("counts", ["type": "object", "additionalProperties": ["type": "integer"]]),
            ("state", text("How a job ended")),
        ],
        required: [
            "commandId", "type", "key", "attempt", "class", "code", "worker", "origin", "receivedAt", "startedAt",
            "finishedAt",
        ])

    private static let batch = object(
        [
            ("batchId", text("The batch")), ("name", text("As its sender named it")), ("state", text("How it ended")),
            ("total", integer("Commands")), ("succeeded", integer("Commands")),
            (
                "failed",
                ["type": "object", "description": "Commands by class", "additionalProperties": ["type": "integer"]]
            ),
            ("cancelled", integer("Commands")), ("deadLettered", integer("Commands")),
            ("createdAt", time("")), ("completedAt", time("")),
        ], required: ["batchId", "name", "state", "total"])

    // MARK: - Pieces

    private static let classes = DocumentTree.array(FailureClass.allCases.map { .text($0.rawValue) })
    /// Those in which a command can end.
    private static let finalClasses = DocumentTree.array(
        FailureClass.allCases.filter { $0 != .transient }.map { .text($0.rawValue) })

    private static func object(_ members: [Member], required: [String]) -> DocumentTree {
        ["type": "object", "properties": .object(members), "required": .array(required.map { .text($0) })]
    }

    private static func described(_ type: DocumentTree, _ description: String) -> DocumentTree {
        var tree = type
        if !description.isEmpty { tree.add("description", .text(description)) }
        return tree
    }

    private static func text(_ description: String) -> DocumentTree { described(["type": "string"], description) }
    private static func integer(_ description: String) -> DocumentTree { described(["type": "integer"], description) }

    private static func nullable(_ description: String) -> DocumentTree {
        described(["type": ["string", "null"]], description)
    }

    private static func time(_ description: String) -> DocumentTree {
        described(["type": "string", "format": "date-time"], description)
    }

    /// A number, as headers have it.
    private static func count(_ description: String) -> DocumentTree {
        described(["type": "string", "pattern": "^[0-9]+$"], description)
    }
}
