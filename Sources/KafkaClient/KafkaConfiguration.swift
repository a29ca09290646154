import CRDKafka

/// librdkafka's properties, passed through by name.
///
/// The list is librdkafka's own: CONFIGURATION.md of the version that is linked.
package struct KafkaConfiguration: Sendable {
    package var properties: [String: String]

    package init(_ properties: [String: String] = [:]) { self.properties = properties }

    package subscript(name: String) -> String? {
        get { self.properties[name] }
        set { self.properties[name] = newValue }
    }

    /// The properties with defaults for those not given.
    package func with(defaults: [String: String]) -> KafkaConfiguration {
        KafkaConfiguration(defaults.merging(self.properties) { $1 })
    }

    /// Whether a name is one of librdkafka's properties.
    package static func isKnown(_ name: String) -> Bool {
        let conf = rd_kafka_conf_new()
        defer { rd_kafka_conf_destroy(conf) }
        var size = 0
        return rd_kafka_conf_get(conf, name, nil, &size) == RD_KAFKA_CONF_OK || self.callbackNames.contains(name)
    }

    private static let callbackNames: Set<String> = ["plugin.library.paths"]

    /// A C configuration with all properties set; the caller owns it.
    func makeHandle() throws(KafkaError) -> OpaquePointer {
        let conf = rd_kafka_conf_new()!
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in self.properties.sorted(by: { $0.key < $1.key }) {
            guard rd_kafka_conf_set(conf, name, value, &text, text.count) != RD_KAFKA_CONF_OK else { continue }
            rd_kafka_conf_destroy(conf)
            let detail = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // librdkafka's text may quote the value, which may be a secret.
            throw KafkaError(
                code: .invalidArgument,
                message: "the Kafka property \(name) is not accepted: "
                    + (value.isEmpty ? detail : detail.replacing(value, with: "…")))
        }
        return conf
    }
}
