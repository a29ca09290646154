import Foundation
import Metrics
import Synchronization

/// librdkafka's statistics as metrics: emitted every `statistics.interval.ms`, when that is set.
///
/// The names follow librdkafka's STATISTICS.md; one gauge a figure, labelled with the client's type, so that labels stay
/// bounded.
final class KafkaStatistics: Sendable {
    private let gauges = Mutex<[String: Gauge]>([:])

    /// Figures of the whole client, and what they are called as metrics.
    private static let figures: [(key: String, metric: String)] = [
        ("msg_cnt", "kafka.client.queued_messages"), ("msg_size", "kafka.client.queued_bytes"),
        ("tx", "kafka.client.requests_sent"), ("tx_bytes", "kafka.client.bytes_sent"),
        ("rx", "kafka.client.responses_received"), ("rx_bytes", "kafka.client.bytes_received"),
        ("txmsgs", "kafka.client.messages_sent"), ("rxmsgs", "kafka.client.messages_received"),
        ("replyq", "kafka.client.events_waiting"),
    ]

    func record(_ json: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else { return }
        let type = object["type"] as? String ?? "unknown"
        for (key, metric) in Self.figures {
            if let value = (object[key] as? NSNumber)?.int64Value { self.record(metric, type, value) }
        }
        if let group = object["cgrp"] as? [String: Any] {
            if let count = (group["rebalance_cnt"] as? NSNumber)?.int64Value {
                self.record("kafka.client.rebalances", type, count)
            }
            if let size = (group["assignment_size"] as? NSNumber)?.int64Value {
                self.record("kafka.client.assigned_partitions", type, size)
            }
        }
        let brokers = (object["brokers"] as? [String: [String: Any]] ?? [:]).values
        let connected = brokers.count { $0["state"] as? String == "UP" }
        self.record("kafka.client.brokers_up", type, Int64(connected))
        let slowest = brokers.compactMap { (($0["rtt"] as? [String: Any])?["p99"] as? NSNumber)?.int64Value }.max()
        if let slowest { self.record("kafka.client.slowest_broker_rtt_p99_us", type, slowest) }
    }

    private func record(_ metric: String, _ type: String, _ value: Int64) {
        let gauge = self.gauges.withLock { gauges in
            if let gauge = gauges[metric + type] { return gauge }
            let gauge = Gauge(label: metric, dimensions: [("messaging.system", "kafka"), ("kafka.client.type", type)])
            gauges[metric + type] = gauge
            return gauge
        }
        gauge.record(value)
    }
}
