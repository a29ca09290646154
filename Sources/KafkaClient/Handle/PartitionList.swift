import CRDKafka
import Glibc

/// A partition with an offset, as lists of them go in and out of librdkafka.
package struct KafkaPartition: Hashable, Sendable {
    package var topic: String
    package var partition: Int32
    /// A record's offset, or one of librdkafka's logical ones.
    package var offset: Int64
    package var metadata: String?

    package init(topic: String, partition: Int32, offset: Int64 = -1001, metadata: String? = nil) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.metadata = metadata
    }

    /// Librdkafka's logical offsets.
    package static let beginning: Int64 = -2
    package static let end: Int64 = -1
    package static let invalid: Int64 = -1001
    /// So many records before the end, when reading outside a group.
    package static func beforeEnd(_ count: Int) -> Int64 { -2000 - Int64(count) }
}

/// Lists that librdkafka allocates: made and freed in one scope.
enum PartitionList {
    static func with<Result, Failure: Error>(
        _ partitions: [KafkaPartition],
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let list = rd_kafka_topic_partition_list_new(Int32(partitions.count))!
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for partition in partitions {
            let entry = rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition)!
            entry.pointee.offset = partition.offset
            guard let metadata = partition.metadata, !metadata.isEmpty else { continue }
            // librdkafka frees it with the list, so that it must come from malloc.
            let count = metadata.utf8.count
            let bytes = malloc(count + 1)!.assumingMemoryBound(to: CChar.self)
            metadata.withCString { bytes.update(from: $0, count: count + 1) }
            entry.pointee.metadata = UnsafeMutableRawPointer(bytes)
            entry.pointee.metadata_size = count
        }
        return try body(list)
    }

    static func read(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [(KafkaPartition, KafkaError.Code)] {
        (0..<Int(list.pointee.cnt)).map { index in
            let entry = list.pointee.elems[index]
            var metadata: String?
            if let bytes = entry.metadata, entry.metadata_size > 0 {
                metadata = String(
                    decoding: UnsafeRawBufferPointer(start: bytes, count: entry.metadata_size), as: UTF8.self)
            }
            let partition = KafkaPartition(
                topic: String(cString: entry.topic), partition: entry.partition, offset: entry.offset,
                metadata: metadata)
            return (partition, KafkaError.Code(entry.err))
        }
    }
}
