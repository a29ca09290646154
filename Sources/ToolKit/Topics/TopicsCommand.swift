import ArgumentParser
import Commands
import Foundation
import KafkaClient
import TopicDeclarations

struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics", abstract: "Compare a cluster's topics with Topics/, and create what is missing.",
        discussion: """
            EXAMPLES
              adjutant topics plan -b localhost:9092
              adjutant topics apply -b localhost:9092 --execute
            """,
        subcommands: [TopicsPlanCommand.self, TopicsApplyCommand.self])
}

/// What `plan` and `apply` have in common.
struct TopicsOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions

    @Option(help: "Only the topics of this domain; may be repeated")
    var domain: [String] = []

    @Option(help: "Copies of every partition, instead of the declared number")
    var replication: Int?

    @Option(name: .customLong("topics"), help: "Where the topic declarations lie")
    var directory: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let replication, !(1...1000).contains(replication) {
            throw ValidationError("--replication must be between 1 and 1000")
        }
    }

    /// The declarations that are meant.
    func declared(_ settings: Settings) throws -> [TopicDeclaration] {
        guard let declarations = try settings.topics() else {
            throw ToolError(
                .notFound, "no topic declarations found: run from a folder with Topics/ in it, or give --topics")
        }
        for name in self.domain where declarations.domain(.init(name)) == nil {
            let known = declarations.domains.map(\.domain.rawValue).joined(separator: ", ")
            throw ToolError(.notFound, "no topics are declared for the domain \(name); there is \(known)")
        }
        return declarations.domains.filter { self.domain.isEmpty || self.domain.contains($0.domain.rawValue) }
            .flatMap(\.topics).map { topic in
                var topic = topic
                if let replication { topic.replicationFactor = replication }
                return topic
            }
    }

    func settings() throws -> Settings {
        var settings = try self.connection.settings()
        try settings.set("topics.directory", self.directory, flag: "topics")
        return settings
    }
}

struct TopicsPlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what separates a cluster from Topics/.",
        usage: "adjutant topics plan --bootstrap-servers <servers> [<options>]",
        discussion: """
            Changes nothing. Exit code 0 when the cluster is as declared, 2 when it is not.

            The embedded broker does not tell topic settings: there, only names and partitions are compared.

            EXAMPLES
              adjutant topics plan -b localhost:9092
              adjutant topics plan -b localhost:9092 --domain lab -o json
              adjutant topics plan -b localhost:9092 --replication 1
            """)

    @OptionGroup var options: TopicsOptions

    func run() async throws {
        let settings = try self.options.settings()
        let declared = try self.options.declared(settings)
        let (plan, notes) = try await DedicatedThread.run("adj-topics") {
            let cluster = try TopicCluster(settings: settings)
            defer { cluster.close() }
            return (try cluster.plan(declared), cluster.notes)
        }
        try self.options.output.print(plan.entries, table: TopicTable.plan)
        for note in notes { say(note) }
        say(TopicTable.summary(plan))
        guard plan.isSatisfied else { throw ExitCode(ToolExit.partial.rawValue) }
    }
}
