import Commands
import Testing
import TopicDeclarations

@testable import ToolKit

@Suite struct TopicStepTests {
    private func plan(partitions: Int?, config: [String: String]? = nil) -> TopicPlan {
        let topic = TopicDeclaration(
            name: "lab.commands", role: .commands, partitions: 8, replicationFactor: 1, config: ["retention.ms": "1"],
            description: "", schema: TopicSchema(record: .command, key: .orderingKey))
        let there = partitions.map { [ClusterTopic(name: "lab.commands", partitions: $0, config: config)] } ?? []
        return TopicPlan(declared: [topic], cluster: there)
    }

    @Test func missingTopicsAreCreated() {
        let step = TopicStep.steps(for: self.plan(partitions: nil), addsPartitions: false)[0]
        #expect(step.action == .create && step.isDue && step.partitions == 8 && step.config == ["retention.ms": "1"])
    }

    @Test func partitionsAreAddedOnlyWhenAsked() {
        let plan = self.plan(partitions: 4)
        #expect(TopicStep.steps(for: plan, addsPartitions: false)[0].result == .differs)
        #expect(TopicStep.steps(for: plan, addsPartitions: true)[0].action == .addPartitions)
    }

    @Test func whatCannotBeMendedStaysDifferent() {
        #expect(TopicStep.steps(for: self.plan(partitions: 9), addsPartitions: true)[0].result == .differs)
        let step = TopicStep.steps(for: self.plan(partitions: 8, config: ["retention.ms": "2"]), addsPartitions: true)[
            0]
        #expect(step.result == .differs && step.detail == "retention.ms is 2, declared 1")
        #expect(TopicStep.steps(for: self.plan(partitions: 8), addsPartitions: true)[0].result == .ok)
    }

    @Test func whatStaysDifferentIsSaidInTheEnd() {
        let plan = self.plan(partitions: 4, config: ["retention.ms": "2"])
        let step = TopicStep.steps(for: plan, addsPartitions: true)[0]
        #expect(step.ended(failure: nil).result == .differs)
        #expect(step.ended(failure: nil).detail == "retention.ms is 2, declared 1")
        #expect(step.ended(failure: "no").result == .failed)
        #expect(
            TopicStep.steps(for: self.plan(partitions: 4), addsPartitions: true)[0].ended(failure: nil).result == .done)
    }
}
