import CRDKafka
import Glibc

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
    ///
    /// Asked by setting it: a known property without a value, as most of TLS and SASL are by default, cannot be told
    /// from an unknown one by reading it.
    package static func isKnown(_ name: String) -> Bool {
        let conf = rd_kafka_conf_new()
        defer { rd_kafka_conf_destroy(conf) }
        return rd_kafka_conf_set(conf, name, "", nil, 0) != RD_KAFKA_CONF_UNKNOWN
    }

    /// Properties that name a file; what librdkafka says when it cannot be read names no file.
    private static let fileNames = [
        "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.crl.location",
    ]

    /// A C configuration with all properties set; the caller owns it.
    func makeHandle() throws(KafkaError) -> OpaquePointer {
        for name in Self.fileNames {
            guard let path = self.properties[name], path != "probe", access(path, R_OK) != 0 else { continue }
            throw KafkaError(code: .invalidArgument, message: "the file that \(name) names cannot be read: \(path)")
        }
        let conf = rd_kafka_conf_new()!
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in self.properties.sorted(by: { $0.key < $1.key }) {
            guard rd_kafka_conf_set(conf, name, value, &text, text.count) != RD_KAFKA_CONF_OK else { continue }
            rd_kafka_conf_destroy(conf)
            // Some of librdkafka's texts end with a line break.
            let line = text.prefix { $0 != 0 && $0 != 10 }
            let detail = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // librdkafka's text may quote the value, which may be a secret.
            throw KafkaError(
                code: .invalidArgument,
                message: "the Kafka property \(name) is not accepted: "
                    + (value.isEmpty ? detail : detail.replacing(value, with: "…")))
        }
        return conf
    }
}
