import Foundation
import KafkaClient
import Logging
import TopicDeclarations

/// A cluster as `topics` sees and changes it. Everything here blocks.
final class TopicCluster {
    private let admin: KafkaAdmin
    private let cluster: KafkaCluster
    private let servers: String
    /// Why the cluster cannot be told to create topics; nil when it can.
    private let obstacle: String?
    /// What the user should know besides the rows.
    private(set) var notes: [String] = []
    private let timeout = 30_000

    init(settings: Settings) throws {
        let configuration = try settings.kafka()
        let logger = try settings.logger(default: .error)
        self.servers = try settings.bootstrapServers
        self.cluster = try ClusterCheck.cluster(configuration, logger: logger)
        do {
            self.admin = try KafkaAdmin(configuration: configuration, logger: logger)
        } catch {
            throw ToolError(error)
        }
        // The embedded broker's controller is none of its brokers: requests to it would only time out.
        _ = try? self.admin.metadata.cluster(milliseconds: 5000)
        let controller = self.admin.metadata.controller(milliseconds: 5000)
        if let controller, self.cluster.brokers.contains(controller) {
            self.obstacle = nil
        } else {
            self.obstacle = "the cluster has no controller to ask, as is so with an embedded broker"
        }
    }

    func close() { self.admin.close() }

    func plan(_ declared: [TopicDeclaration]) throws -> TopicPlan {
        let wanted = Set(declared.map(\.name))
        let present = self.cluster.topics.filter { wanted.contains($0.name) }
        let configs = try self.configs(of: present.map(\.name))
        return TopicPlan(
            declared: declared,
            cluster: present.map {
                ClusterTopic(
                    name: $0.name, partitions: Int($0.partitions), replicationFactor: $0.replicationFactor,
                    config: configs[$0.name])
            }, brokers: self.cluster.brokers.count)
    }

    /// What each topic is set to; nothing where the cluster does not tell.
    private func configs(of topics: [String]) throws -> [String: [String: String]] {
        guard !topics.isEmpty else { return [:] }
        let unknown = "topic settings were not compared"
        if let obstacle {
            self.notes.append("\(unknown): \(obstacle)")
            return [:]
        }
        do {
            let configs = try self.admin.describeConfigs(topics, milliseconds: self.timeout)
            let silent = topics.count { configs[$0] == nil }
            if silent > 0 { self.notes.append("\(unknown) for \(silent) topics: the cluster does not tell them") }
            return configs
        } catch {
            guard [.unsupportedFeature, .topicAuthorizationFailed, .clusterAuthorizationFailed].contains(error.code)
            else { throw ToolError(error, servers: self.servers) }
            self.notes.append("\(unknown): \(error.message)")
            return [:]
        }
    }

    /// Why nothing can be created here; nil when it can.
    var refusal: String? {
        self.obstacle.map { obstacle in
            "topics cannot be created on \(self.servers): \(obstacle); `\(ToolEnvironment.current.name) broker` makes "
                + "the topics of Topics/ itself when it starts"
        }
    }

    /// Does what is planned; each step says what came of it.
    func apply(_ steps: [TopicStep]) throws -> [TopicStep] {
        guard steps.contains(where: \.isDue) else { return steps }
        if let refusal { throw ToolError(.error, refusal) }
        let missing = steps.filter { $0.isDue && $0.action == .create }
        let small = steps.filter { $0.isDue && $0.action == .addPartitions }
        var failures: [String: KafkaError] = [:]
        do {
            if !missing.isEmpty {
                failures = try self.admin.createTopics(
                    missing.map {
                        .init(
                            name: $0.topic, partitions: $0.partitions, replication: $0.replication, config: $0.config)
                    }, milliseconds: self.timeout)
            }
            if !small.isEmpty {
                let more = try self.admin.createPartitions(
                    small.map { ($0.topic, $0.partitions) }, milliseconds: self.timeout)
                failures.merge(more) { $1 }
            }
        } catch {
            guard error.code == .unsupportedFeature else { throw ToolError(error, servers: self.servers) }
            throw ToolError(.error, "topics cannot be created on \(self.servers): \(error.message)")
        }
        return steps.map { step in
            guard step.isDue else { return step }
            // Somebody else was faster: the topic is there, which is what was asked for.
            let failure = failures[step.topic].flatMap { $0.code == .topicExists ? nil : $0.message }
            return step.ended(failure: failure)
        }
    }
}
