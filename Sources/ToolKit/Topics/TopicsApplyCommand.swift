import ArgumentParser
import Foundation
import KafkaClient
import TopicDeclarations

struct TopicsApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Create the topics that a cluster lacks.",
        usage: "adjutant topics apply --bootstrap-servers <servers> [<options>]",
        discussion: """
            Says what it would do; does it with --execute. It creates missing topics, and with --add-partitions it \
            brings topics to the declared number of partitions, which moves keys to other partitions: do that while no \
            commands wait. Settings of topics that exist are never touched; `topics plan` shows those that differ.

            Exit codes: 0 done or nothing to do, 2 something failed or still differs, 1 the cluster cannot create \
            topics. The embedded broker cannot: it has no admin protocol, and `adjutant broker` creates the topics of \
            Topics/ by itself.

            EXAMPLES
              adjutant topics apply -b localhost:9092
              adjutant topics apply -b localhost:9092 --domain lab --replication 1 --execute
            """)

    @OptionGroup var options: TopicsOptions

    @Flag(help: "Do it; without this flag nothing is changed")
    var execute = false

    @Flag(name: .customLong("add-partitions"), help: "Add partitions where there are fewer than declared")
    var addsPartitions = false

    func run() async throws {
        let settings = try self.options.settings()
        let declared = try self.options.declared(settings)
        let (steps, notes, refusal) = try await DedicatedThread.run("adj-topics") { [self] in
            let cluster = try TopicCluster(settings: settings)
            defer { cluster.close() }
            let steps = TopicStep.steps(for: try cluster.plan(declared), addsPartitions: self.addsPartitions)
            return (self.execute ? try cluster.apply(steps) : steps, cluster.notes, cluster.refusal)
        }
        try self.options.output.print(steps, table: TopicTable.steps)
        for note in notes { say(note) }
        let open = steps.count { $0.isDue }
        if open > 0 {
            if let refusal { throw ToolError(.error, refusal) }
            return say("nothing was changed: \(open) to do; add --execute to do it")
        }
        let done = steps.count { $0.result == .done }
        let failed = steps.count { $0.result == .failed }
        let different = steps.count { $0.result == .differs }
        let same = steps.count - done - failed - different
        say("\(done) done, \(failed) failed, \(different) still different, \(same) as declared")
        if let refusal, failed + different > 0 { say(refusal) }
        if failed + different > 0, self.execute { throw ExitCode(ToolExit.partial.rawValue) }
    }
}
