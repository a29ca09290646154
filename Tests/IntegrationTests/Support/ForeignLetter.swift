/// Dead letters as other programs write them: headers taken from their sources.
struct ForeignLetter: Sendable {
    var name: String
    var format: String
    var code: String?
    var topic: String?
    var partition: Int?
    var offset: Int?
    var headers: [(name: String, value: [UInt8])]
    var value: [UInt8]? = Array(#"{"order":1}"#.utf8)

    private static func text(_ value: String) -> [UInt8] { Array(value.utf8) }
    private static func int(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    private static func long(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    private static func spring(_ topic: String) -> [(name: String, value: [UInt8])] {
        [
            ("kafka_dlt-exception-fqcn", text("org.springframework.kafka.listener.ListenerExecutionFailedException")),
            ("kafka_dlt-exception-cause-fqcn", text("java.lang.IllegalStateException")),
            ("kafka_dlt-exception-message", text("Listener failed")),
            ("kafka_dlt-exception-stacktrace", text("at com.example.Orders.on(Orders.java:17)\n")),
            ("kafka_dlt-original-topic", text(topic)), ("kafka_dlt-original-partition", int(2)),
            ("kafka_dlt-original-offset", long(5_000_000_000)),
            ("kafka_dlt-original-timestamp", long(1_777_888_800_000)),
            ("kafka_dlt-original-timestamp-type", text("CREATE_TIME")),
            ("kafka_dlt-original-consumer-group", text("orders")),
        ]
    }

    static let all: [ForeignLetter] = [
        ForeignLetter(
            name: "spring", format: "spring", code: "IllegalStateException", topic: "lab.commands", partition: 2,
            offset: 5_000_000_000, headers: spring("lab.commands")),
        ForeignLetter(
            name: "connect", format: "connect", code: "DataException", topic: "lab.commands", partition: 1, offset: 99,
            headers: [
                ("__connect.errors.topic", text("lab.commands")), ("__connect.errors.partition", text("1")),
                ("__connect.errors.offset", text("99")), ("__connect.errors.connector.name", text("sink")),
                ("__connect.errors.task.id", text("0")), ("__connect.errors.stage", text("VALUE_CONVERTER")),
                ("__connect.errors.class.name", text("org.apache.kafka.connect.json.JsonConverter")),
                ("__connect.errors.exception.class.name", text("org.apache.kafka.connect.errors.DataException")),
                ("__connect.errors.exception.message", text("Converting byte[] to Kafka Connect data failed")),
                ("__connect.errors.exception.stacktrace", text("at …")),
            ], value: [0xff, 0x00]),
        ForeignLetter(
            name: "streams", format: "streams", code: "SerializationException", topic: "lab.commands", partition: 0,
            offset: 17,
            headers: [
                ("__streams.errors.exception", text("org.apache.kafka.common.errors.SerializationException")),
                ("__streams.errors.message", text("Size of data received by LongDeserializer is not 8")),
                ("__streams.errors.stacktrace", text("at …")), ("__streams.errors.topic", text("lab.commands")),
                ("__streams.errors.partition", text("0")), ("__streams.errors.offset", text("17")),
            ]),
        ForeignLetter(
            name: "stray", format: "spring", code: "IllegalStateException", topic: "orders", partition: 2,
            offset: 5_000_000_000, headers: spring("orders")),
        ForeignLetter(name: "nobody", format: "unknown", headers: [("x-reason", text("who knows"))]),
    ]
}
