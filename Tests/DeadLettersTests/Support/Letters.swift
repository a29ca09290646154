import Commands
import DeadLetters

/// Dead letters put together by hand.
enum Letters {
    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// A letter as a worker writes it.
    static func own(
        id: String = "c-1", partition: Int32 = 0, offset: Int64 = 0, key: String? = "k", code: String = "CODE",
        failureClass: String = "permanent", message: String = "it broke", origin: (String, Int32, Int64)? = nil,
        replays: Int = 0, failed: String = "2026-05-04T10:00:00.000Z", type: String = "lab.run",
        value: String = #"{"a":1}"#, more: [(String, [UInt8]?)] = []
    ) -> Record {
        let (topic, number, place) = origin ?? ("lab.commands", partition, offset)
        let headers: [(String, String)] = [
            ("content-type", "application/json"), ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"),
            ("ce_type", type), ("__dlq.errors.topic", topic), ("__dlq.errors.partition", "\(number)"),
            ("__dlq.errors.offset", "\(place)"), ("__dlq.errors.group", "adjutant.lab"),
            ("__dlq.errors.delivery.count", "3"), ("__dlq.errors.message", "\(code): \(message)"),
            ("adjutant-error-class", failureClass), ("adjutant-error-code", code), ("adjutant-first-failed", failed),
            ("adjutant-failed", failed), ("adjutant-replays", "\(replays)"),
            (
                "adjutant-fingerprint",
                Fingerprint.make(failureClass: failureClass, code: code, type: type, message: message)
            ),
        ]
        return Record(
            topic: "lab.dlt", partition: partition, offset: offset, timestamp: 1_777_888_800_000,
            key: key.map(Self.bytes), value: Self.bytes(value),
            headers: headers.map { ($0.0, Self.bytes($0.1)) } + more)
    }

    /// A letter of another program: its headers, and a value.
    static func foreign(
        _ headers: [(String, [UInt8]?)], partition: Int32 = 0, offset: Int64 = 0, value: [UInt8]? = [0x7b, 0x7d]
    ) -> Record {
        Record(
            topic: "lab.dlt", partition: partition, offset: offset, timestamp: 1_777_888_800_000, key: [1, 2],
            value: value, headers: headers)
    }

    /// As Java's ByteBuffer writes it.
    static func int(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    static func long(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    /// What Spring Kafka's DeadLetterPublishingRecoverer adds to a record.
    static func spring(
        topic: String = "lab.commands", partition: Int32 = 5, offset: Int64 = 4711,
        message: String = "Listener failed; nested exception is java.net.SocketTimeoutException: 30 s"
    ) -> [(String, [UInt8]?)] {
        [
            (
                "kafka_dlt-exception-fqcn",
                self.bytes("org.springframework.kafka.listener.ListenerExecutionFailedException")
            ),
            ("kafka_dlt-exception-cause-fqcn", self.bytes("java.net.SocketTimeoutException")),
            ("kafka_dlt-exception-message", self.bytes(message)),
            ("kafka_dlt-exception-stacktrace", self.bytes("at Foo.bar(Foo.java:1)\n")),
            ("kafka_dlt-original-topic", self.bytes(topic)),
            ("kafka_dlt-original-partition", self.int(partition)),
            ("kafka_dlt-original-offset", self.long(offset)),
            ("kafka_dlt-original-timestamp", self.long(1_777_888_700_000)),
            ("kafka_dlt-original-timestamp-type", self.bytes("CREATE_TIME")),
            ("kafka_dlt-original-consumer-group", self.bytes("orders")),
            ("retry_topic-attempts", self.int(3)),
        ]
    }

    static let connect: [(String, [UInt8]?)] = [
        ("__connect.errors.topic", bytes("lab.commands")), ("__connect.errors.partition", bytes("2")),
        ("__connect.errors.offset", bytes("99")), ("__connect.errors.connector.name", bytes("sink-1")),
        ("__connect.errors.task.id", bytes("0")), ("__connect.errors.stage", bytes("VALUE_CONVERTER")),
        ("__connect.errors.class.name", bytes("org.apache.kafka.connect.json.JsonConverter")),
        (
            "__connect.errors.exception.class.name",
            bytes("org.apache.kafka.connect.errors.DataException")
        ),
        ("__connect.errors.exception.message", bytes("Converting byte[] failed")),
        ("__connect.errors.exception.stacktrace", bytes("at …")),
    ]

    static let streams: [(String, [UInt8]?)] = [
        ("__streams.errors.exception", bytes("org.apache.kafka.common.errors.SerializationException")),
        ("__streams.errors.message", bytes("Size of data received by LongDeserializer is not 8")),
        ("__streams.errors.stacktrace", bytes("at …")), ("__streams.errors.topic", bytes("lab.commands")),
        ("__streams.errors.partition", bytes("1")), ("__streams.errors.offset", bytes("17")),
    ]
}

extension Record {
    func text(ofHeader name: String) -> String? { self.header(named: name).flatMap { self.text($0) } }
    func count(ofHeader name: String) -> Int {
        self.headers.count { self.bytes[$0.name.range].elementsEqual(name.utf8) }
    }
}
