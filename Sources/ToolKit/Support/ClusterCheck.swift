import Foundation
import KafkaClient
import Logging

/// Reaches the cluster, or says in one line why that is not possible.
package enum ClusterCheck {
    /// The cluster's topics.
    package static func topics(
        _ configuration: KafkaConfiguration, milliseconds: Int = 10_000, logger: Logger
    ) throws -> [KafkaTopic] {
        try self.cluster(configuration, milliseconds: milliseconds, logger: logger).topics
    }

    /// The cluster's brokers and topics.
    ///
    /// - Throws: ``ToolError`` that tells a refused login from a broker that does not answer.
    package static func cluster(
        _ configuration: KafkaConfiguration, milliseconds: Int = 10_000, logger: Logger
    ) throws -> KafkaCluster {
        let servers = configuration["bootstrap.servers"] ?? ""
        let producer: KafkaProducer
        do {
            producer = try KafkaProducer(configuration: configuration, logger: logger)
        } catch {
            throw ToolError(error)
        }
        defer { producer.close() }
        let limit = Date(timeIntervalSinceNow: Double(milliseconds) / 1000)
        var last: KafkaError?
        while Date() < limit {
            do {
                return try producer.metadata.cluster(milliseconds: 500)
            } catch {
                // The request only times out; what went wrong comes as an event.
                last = last ?? error
            }
            var handled = 1
            while handled > 0 {
                handled = 0
                producer.serve(
                    milliseconds: 0,
                    failed: { error in
                        handled = 1
                        if last.map({ $0.code == .timedOut || $0.code == .transport || $0.code == .allBrokersDown })
                            ?? true
                        {
                            last = error
                        }
                    }, { _ in })
            }
            if let last, [.authentication, .ssl, .saslFailed].contains(last.code) { break }
        }
        let why = last.map { $0.message } ?? "no answer"
        guard let last, [.authentication, .ssl, .saslFailed].contains(last.code) else {
            throw ToolError(
                .unreachable, "no broker answers at \(servers) within \(milliseconds / 1000) s: \(why)")
        }
        throw ToolError(.denied, "the brokers at \(servers) refuse the login: \(why)")
    }

    /// The named topics, in that order.
    ///
    /// - Throws: ``ToolError`` that names those the cluster does not have.
    package static func topics(
        _ configuration: KafkaConfiguration, named names: [String], logger: Logger
    ) throws -> [KafkaTopic] {
        let found = Dictionary(
            try self.topics(configuration, logger: logger).map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        let missing = names.filter { found[$0] == nil }
        guard missing.isEmpty else {
            throw ToolError(
                .notFound,
                "\(missing.count == 1 ? "a topic is" : "topics are") missing on "
                    + "\(configuration["bootstrap.servers"] ?? ""): \(missing.joined(separator: ", ")); "
                    + "create them with `\(ToolEnvironment.current.name) topics apply --execute`")
        }
        return names.compactMap { found[$0] }
    }
}
