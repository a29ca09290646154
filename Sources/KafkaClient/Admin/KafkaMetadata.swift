import CRDKafka

/// A topic as the cluster describes it.
package struct KafkaTopic: Sendable, Hashable {
    package var name: String
    package var partitions: Int32
    package var replicationFactor: Int
    package var error: KafkaError.Code?
}

/// The brokers and topics of a cluster.
package struct KafkaCluster: Sendable, Hashable {
    package var brokers: [Int32]
    package var topics: [KafkaTopic]
}

/// Questions to the cluster about itself. All of them block.
package struct KafkaMetadata: Sendable {
    let handle: KafkaHandle

    /// All topics of the cluster.
    package func topics(milliseconds: Int) throws(KafkaError) -> [KafkaTopic] {
        try self.cluster(milliseconds: milliseconds).topics
    }

    /// All brokers and topics of the cluster.
    ///
    /// Asking for one topic by name would create it on a broker that creates topics by itself; asking for all does not.
    package func cluster(milliseconds: Int) throws(KafkaError) -> KafkaCluster {
        var result: UnsafePointer<rd_kafka_metadata>?
        try KafkaError.check(
            rd_kafka_metadata(self.handle.pointer, 1, nil, &result, Int32(clamping: milliseconds)),
            doing: "cannot reach the brokers")
        guard let result else { return KafkaCluster(brokers: [], topics: []) }
        defer { rd_kafka_metadata_destroy(result) }
        let brokers = (0..<Int(result.pointee.broker_cnt)).map { result.pointee.brokers[$0].id }
        let topics = (0..<Int(result.pointee.topic_cnt)).map { index in
            let topic = result.pointee.topics[index]
            let replicas = topic.partition_cnt > 0 ? Int(topic.partitions[0].replica_cnt) : 0
            return KafkaTopic(
                name: String(cString: topic.topic), partitions: topic.partition_cnt, replicationFactor: replicas,
                error: topic.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError.Code(topic.err))
        }
        return KafkaCluster(brokers: brokers, topics: topics)
    }

    /// The broker that takes requests to create topics; nil when the cluster names none in time.
    package func controller(milliseconds: Int) -> Int32? {
        let id = rd_kafka_controllerid(self.handle.pointer, Int32(clamping: milliseconds))
        return id < 0 ? nil : id
    }

    /// Of the partitions one for each broker that leads some of them; none when the brokers do not answer in time.
    func onePerLeader(_ partitions: Set<KafkaPartition>, milliseconds: Int) -> [KafkaPartition] {
        var result: UnsafePointer<rd_kafka_metadata>?
        guard !partitions.isEmpty,
            rd_kafka_metadata(self.handle.pointer, 0, nil, &result, Int32(clamping: milliseconds))
                == RD_KAFKA_RESP_ERR_NO_ERROR, let result
        else { return [] }
        defer { rd_kafka_metadata_destroy(result) }
        var chosen: [Int32: KafkaPartition] = [:]
        for index in 0..<Int(result.pointee.topic_cnt) {
            let topic = result.pointee.topics[index]
            let name = String(cString: topic.topic)
            for position in 0..<Int(topic.partition_cnt) {
                let described = topic.partitions[position]
                let partition = KafkaPartition(topic: name, partition: described.id)
                if described.leader >= 0, chosen[described.leader] == nil, partitions.contains(partition) {
                    chosen[described.leader] = partition
                }
            }
        }
        return Array(chosen.values)
    }
}
