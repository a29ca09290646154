import CRDKafka
import Logging

/// librdkafka's mock cluster: real sockets on loopback, for demonstrations and tests.
///
/// It keeps everything in memory and forgets the oldest records of a partition past 5 MiB; it has no transactions, no
/// admin protocol, no TLS, no SASL and no access control. It is no Kafka to rely on.
///
/// `@unchecked Sendable`: the mock cluster's calls are thread-safe; the pointers never change.
package final class EmbeddedBroker: @unchecked Sendable {
    private let handle: KafkaHandle
    let cluster: OpaquePointer
    let brokers: Int

    /// `host:port` of each broker, separated by commas.
    package let bootstrapServers: String

    package init(brokers: Int = 1, logger: Logger) throws(KafkaError) {
        self.handle = try KafkaHandle(kind: .producer, configuration: KafkaConfiguration(), events: 0, logger: logger)
        guard let cluster = rd_kafka_mock_cluster_new(self.handle.pointer, Int32(brokers)) else {
            throw KafkaError(code: .invalidArgument, message: "the embedded broker cannot start")
        }
        self.cluster = cluster
        self.brokers = brokers
        self.bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    package func createTopics(_ topics: [(name: String, partitions: Int)]) throws {
        try MockWaker.whileAwake(self.bootstrapServers) {
            for (name, partitions) in topics {
                try KafkaError.check(
                    rd_kafka_mock_topic_create(self.cluster, name, Int32(partitions), 1), doing: "cannot create \(name)"
                )
            }
        }
    }

    package func close() {
        rd_kafka_mock_cluster_destroy(self.cluster)
        self.handle.destroy()
    }
}
