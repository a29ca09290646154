import ArgumentParser
import Commands
import TopicDeclarations

struct AsyncAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "asyncapi", abstract: "Describe topics, messages and data as an AsyncAPI 3.0 document.",
        discussion: """
            The document tells what the program receives and sends: the topics as Topics/ declares them, the headers, and \
            for every command type the schemas of its data and its output. Schemas are found out by asking the types what \
            they read; rules of a command's validate are not in them. Needs no cluster; brokers are named when the \
            settings name them. The same program, settings and declarations give the same bytes.

            EXAMPLES
              adjutant asyncapi > asyncapi.json
              adjutant asyncapi --domain commerce -o yaml --api-version 2.1.0
            """)

    @Option(help: "Only this domain; may be repeated")
    var domain: [String] = []

    @Option(name: [.customShort("o"), .customLong("output")], help: "json or yaml")
    var format: DocumentFormat = .json

    @Option(help: "The document's title; the program's name when absent")
    var title: String?

    @Option(name: .customLong("api-version"), help: "The version of what is described, for info.version")
    var apiVersion: String?

    @Option(help: "A YAML file with settings; ADJUTANT_… variables go over it")
    var config: String?

    @Option(name: .customLong("topics"), help: "Where the topic declarations lie")
    var topicsDirectory: String?

    func run() async throws {
        var settings = try Settings.load(file: self.config)
        try settings.set("topics.directory", self.topicsDirectory, flag: "topics")
        let environment = ToolEnvironment.current
        for name in self.domain { _ = try environment.requireService(Domain(name)) }
        let topics = try settings.topics()
        let domains = try environment.services
            .filter { self.domain.isEmpty || self.domain.contains($0.domain.rawValue) }
            .sorted { $0.domain.rawValue < $1.domain.rawValue }
            .map { service in
                var registry = try environment.registry(of: service)
                registry.updatePolicies { type, policy in settings.apply(to: &policy, of: type) }
                return AsyncAPIDomain(
                    name: service.domain, group: settings.group(ofWorkersServing: service.domain), registry: registry,
                    tiers: settings.tiers(of: service.domain, topics: topics),
                    declared: topics?.domain(service.domain))
            }
        let document = AsyncAPIDocument(
            title: self.title ?? environment.name, version: self.apiVersion ?? Tool.configuration.version,
            servers: settings.list("kafka.bootstrap_servers") ?? [], isEncrypted: settings.usesTLS,
            domains: domains)
        switch self.format {
        case .json: StandardStream.output.write(document.tree.json)
        case .yaml: StandardStream.output.write(try document.tree.yaml())
        }
    }
}

/// How a document is printed.
enum DocumentFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    case json, yaml
}

extension Settings {
    /// The group of the workers that these settings are for, when they name the domain among others; else that of a worker
    /// for this domain alone.
    func group(ofWorkersServing domain: Domain) -> String {
        let served = (self.list("worker.domains") ?? []).map { Domain($0) }
        return self.group(serving: served.contains(domain) ? served : [domain])
    }

    /// Whether the brokers are spoken to over TLS.
    var usesTLS: Bool {
        self.text(SettingSchema.kafkaPrefix + "security.protocol")?.lowercased().hasSuffix("ssl") ?? false
    }
}
