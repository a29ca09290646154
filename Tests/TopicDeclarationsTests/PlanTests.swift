import Commands
import Foundation
import Testing
import TopicDeclarations

@Suite("Comparing with a cluster")
struct PlanTests {
    let topics: [TopicDeclaration]

    init() throws { self.topics = try TopicDeclarations.parse(ShopFile.text, file: "shop.yaml").topics }

    private func plan(
        _ change: (inout ClusterTopic) -> Void, brokers: Int? = nil
    ) throws -> TopicPlan.Entry {
        let cluster = self.topics.map { topic in
            var actual = ClusterTopic(
                name: topic.name, partitions: topic.partitions, replicationFactor: topic.replicationFactor,
                config: topic.config)
            actual.config?["compression.type"] = "producer"
            if topic.role == .results { change(&actual) }
            return actual
        }
        let plan = TopicPlan(declared: self.topics, cluster: cluster, brokers: brokers)
        #expect(plan.entries.map(\.topic) == self.topics.map(\.name))
        return try #require(plan.entries.first { $0.topic == "shop.results" })
    }

    @Test("An empty cluster lacks everything, one as declared nothing")
    func createAndOK() throws {
        let empty = TopicPlan(declared: self.topics, cluster: [])
        #expect(empty.entries.allSatisfy { $0.action == .create })
        #expect(!empty.isSatisfied)
        #expect(empty.entries.first?.config["retention.ms"] == "604800000")
        #expect(try self.plan { _ in }.action == .ok)
        #expect(try self.plan { $0.config?["cleanup.policy"] = "delete, compact" }.action == .ok)
    }

    @Test("Too few partitions can be added, too many only be seen")
    func partitions() throws {
        let fewer = try self.plan { $0.partitions = 4 }
        #expect(fewer.action == .differs)
        #expect(
            fewer.differences == [
                .init(setting: "partitions", declared: "6", actual: "4", remedy: .addPartitions)
            ])
        #expect(
            try self.plan { $0.partitions = 9 }.differences == [
                .init(setting: "partitions", declared: "6", actual: "9", remedy: .none)
            ])
    }

    @Test("Settings are compared when the cluster tells them")
    func settings() throws {
        let entry = try self.plan {
            $0.replicationFactor = 1
            $0.config?["retention.ms"] = "1"
            $0.config?["max.message.bytes"] = nil
        }
        #expect(
            entry.differences == [
                .init(setting: "replication", declared: "3", actual: "1", remedy: .none),
                .init(setting: "max.message.bytes", declared: "1000", actual: nil, remedy: .alterConfig),
                .init(setting: "retention.ms", declared: "604800000", actual: "1", remedy: .alterConfig),
            ])
        let silent = try self.plan {
            $0.replicationFactor = nil
            $0.config = nil
        }
        #expect(silent.action == .ok)
    }

    @Test("A cluster with fewer brokers than copies gets a note instead of a difference")
    func brokers() throws {
        let entry = try self.plan({ $0.replicationFactor = 1 }, brokers: 1)
        #expect(entry.action == .ok)
        #expect(entry.replication == 1)
        #expect(entry.notes == ["3 copies are declared, but the cluster has only 1 broker"])
    }

    @Test("The plan survives JSON")
    func json() throws {
        let cluster = [ClusterTopic(name: "shop.results", partitions: 2)]
        let plan = TopicPlan(declared: self.topics, cluster: cluster)
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(TopicPlan.self, from: data) == plan)
        #expect(plan.entries(.differs).map(\.topic) == ["shop.results"])
        #expect(plan.entries(.create).count == self.topics.count - 1)
    }
}
