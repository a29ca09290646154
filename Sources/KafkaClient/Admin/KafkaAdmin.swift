import CRDKafka
import Logging

/// Creates topics and reads their settings. All calls block: use a thread that may.
package final class KafkaAdmin: Sendable {
    /// A topic to create.
    package struct NewTopic: Sendable, Hashable {
        package var name: String
        package var partitions: Int
        package var replication: Int
        package var config: [String: String]

        package init(name: String, partitions: Int, replication: Int, config: [String: String] = [:]) {
            self.name = name
            self.partitions = partitions
            self.replication = replication
            self.config = config
        }
    }

    private let handle: KafkaHandle

    package init(configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        self.handle = try KafkaHandle(kind: .producer, configuration: configuration, events: 0, logger: logger)
    }

    package var metadata: KafkaMetadata { KafkaMetadata(handle: self.handle) }

    package func close() { self.handle.destroy() }

    /// Creates topics.
    ///
    /// - Returns: What went wrong, by topic; nothing for the topics that now exist.
    /// - Throws: What keeps the cluster from looking at the request at all.
    package func createTopics(_ topics: [NewTopic], milliseconds: Int) throws(KafkaError) -> [String: KafkaError] {
        var list: [OpaquePointer?] = []
        defer { for topic in list { rd_kafka_NewTopic_destroy(topic) } }
        var text = [CChar](repeating: 0, count: 512)
        for topic in topics {
            let new = rd_kafka_NewTopic_new(
                topic.name, Int32(clamping: topic.partitions), Int32(clamping: topic.replication), &text, text.count)
            guard let new else { throw Self.refused(topic.name, text) }
            list.append(new)
            for (name, value) in topic.config.sorted(by: { $0.key < $1.key }) {
                try KafkaError.check(
                    rd_kafka_NewTopic_set_config(new, name, value), doing: "\(topic.name): the setting \(name)")
            }
        }
        let event = try self.request(
            RD_KAFKA_ADMIN_OP_CREATETOPICS, milliseconds: milliseconds, doing: "cannot create topics"
        ) { rd_kafka_CreateTopics(self.handle.pointer, &list, list.count, $0, $1) }
        defer { rd_kafka_event_destroy(event) }
        var count = 0
        let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        return Self.failures(results, count)
    }

    /// Brings topics to so many partitions.
    ///
    /// - Returns: What went wrong, by topic.
    package func createPartitions(
        _ totals: [(topic: String, partitions: Int)], milliseconds: Int
    ) throws(KafkaError) -> [String: KafkaError] {
        var list: [OpaquePointer?] = []
        defer { for topic in list { rd_kafka_NewPartitions_destroy(topic) } }
        var text = [CChar](repeating: 0, count: 512)
        for (topic, partitions) in totals {
            guard let new = rd_kafka_NewPartitions_new(topic, partitions, &text, text.count) else {
                throw Self.refused(topic, text)
            }
            list.append(new)
        }
        let event = try self.request(
            RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, milliseconds: milliseconds, doing: "cannot add partitions"
        ) { rd_kafka_CreatePartitions(self.handle.pointer, &list, list.count, $0, $1) }
        defer { rd_kafka_event_destroy(event) }
        var count = 0
        let results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count)
        return Self.failures(results, count)
    }

    /// The settings in force of each topic, those the cluster does not want to tell left out.
    package func describeConfigs(
        _ topics: [String], milliseconds: Int
    ) throws(KafkaError) -> [String: [String: String]] {
        var list: [OpaquePointer?] = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
        defer { for topic in list { rd_kafka_ConfigResource_destroy(topic) } }
        let event = try self.request(
            RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, milliseconds: milliseconds, doing: "cannot read topic settings"
        ) { rd_kafka_DescribeConfigs(self.handle.pointer, &list, list.count, $0, $1) }
        defer { rd_kafka_event_destroy(event) }
        var count = 0
        let resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count)
        var found: [String: [String: String]] = [:]
        for index in 0..<count {
            guard let resource = resources?[index], rd_kafka_ConfigResource_error(resource).rawValue == 0 else {
                continue
            }
            found[String(cString: rd_kafka_ConfigResource_name(resource))] = Self.entries(of: resource)
        }
        return found
    }

    // MARK: - Requests

    /// Sends a request and waits for its one answer, which the caller frees.
    private func request(
        _ operation: rd_kafka_admin_op_t, milliseconds: Int, doing action: String,
        _ send: (_ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void
    ) throws(KafkaError) -> OpaquePointer {
        let options = rd_kafka_AdminOptions_new(self.handle.pointer, operation)
        defer { rd_kafka_AdminOptions_destroy(options) }
        var text = [CChar](repeating: 0, count: 256)
        rd_kafka_AdminOptions_set_request_timeout(options, Int32(clamping: milliseconds), &text, text.count)
        if operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS {
            rd_kafka_AdminOptions_set_operation_timeout(options, Int32(clamping: milliseconds), &text, text.count)
        }
        let queue = rd_kafka_queue_new(self.handle.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        send(options, queue)
        guard let event = rd_kafka_queue_poll(queue, Int32(clamping: milliseconds + 5000)) else {
            throw KafkaError(code: .timedOut, message: "\(action): no answer")
        }
        let code = rd_kafka_event_error(event)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return event }
        defer { rd_kafka_event_destroy(event) }
        throw KafkaError(code, doing: action, detail: rd_kafka_event_error_string(event).map { String(cString: $0) })
    }

    private static func refused(_ topic: String, _ text: [CChar]) -> KafkaError {
        let detail = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return KafkaError(code: .invalidArgument, message: "\(topic): \(detail)")
    }

    private static func failures(
        _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int
    ) -> [String: KafkaError] {
        var failures: [String: KafkaError] = [:]
        for index in 0..<count {
            guard let result = results?[index] else { continue }
            let code = rd_kafka_topic_result_error(result)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            let text = rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
            let name = String(cString: rd_kafka_topic_result_name(result))
            failures[name] = KafkaError(code: KafkaError.Code(code), message: text ?? KafkaError.Code(code).text)
        }
        return failures
    }

    private static func entries(of resource: OpaquePointer) -> [String: String] {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        var found: [String: String] = [:]
        for index in 0..<count {
            guard let entry = entries?[index], let value = rd_kafka_ConfigEntry_value(entry) else { continue }
            found[String(cString: rd_kafka_ConfigEntry_name(entry))] = String(cString: value)
        }
        return found
    }
}
