import Commands
import Foundation
import KafkaClient
import Logging
import Processor
import TopicDeclarations

/// What a program brings to the tool: its name and its services.
package struct ToolEnvironment: Sendable {
    package var name: String
    package var services: [any CommandService]
    /// What `demo` shows; nil when the program has nothing to show.
    package var demo: (@Sendable () -> DemoScenario)?

    package init(name: String, services: [any CommandService], demo: (@Sendable () -> DemoScenario)? = nil) {
        self.name = name
        self.services = services
        self.demo = demo
    }

    /// The program that runs; set once round the parsing of its command line.
    @TaskLocal package static var current = ToolEnvironment(name: "adjutant", services: [])

    package func service(_ domain: Domain) -> (any CommandService)? {
        self.services.first { $0.domain == domain }
    }

    /// The service of a domain that is asked for.
    ///
    /// - Parameter exit: Of the error when there is none: where the domain is a setting, it is one of wrong usage.
    func requireService(_ domain: Domain, otherwise exit: ToolExit = .notFound) throws -> any CommandService {
        if let service = self.service(domain) { return service }
        throw ToolError(exit, "there is no service for the domain \(domain); there is \(self.domainNames)")
    }

    package func registry(of service: any CommandService) throws -> HandlerRegistry {
        var handlers = Handlers()
        service.register(in: &handlers)
        do {
            return try handlers.registry()
        } catch {
            throw ToolError(.error, "the service of the domain \(service.domain): \(error)")
        }
    }

    package var domainNames: String { self.services.map(\.domain.rawValue).sorted().joined(separator: ", ") }

    /// All command types, for the names of environment variables.
    func types() throws -> [String] {
        try self.services.flatMap { try self.registry(of: $0).entries.map(\.type.rawValue) }
    }
}

extension Settings {
    /// The settings of a run: the file named on the command line or by `ADJUTANT_CONFIG`, then the environment.
    package static func load(file: String?) throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        return try Settings(
            file: file ?? environment["ADJUTANT_CONFIG"], environment: environment,
            types: ToolEnvironment.current.types())
    }

    /// A logger that writes to standard error.
    package func logger(default level: Logger.Level = .info) throws -> Logger {
        var logger = Logger(label: ToolEnvironment.current.name) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = self.text("log.level").flatMap { Logger.Level(rawValue: $0) } ?? level
        return logger
    }

    /// The topic declarations; nil when there are none to be found and none were asked for.
    package func topics() throws -> TopicDeclarations? {
        let directory: String
        do {
            directory = try TopicDirectory.locate(explicit: self.text("topics.directory"))
        } catch {
            if self.text("topics.directory") != nil { throw ToolError(.notFound, error.description) }
            return nil
        }
        do {
            return try TopicDeclarations.load(at: directory)
        } catch {
            throw ToolError(.usage, error.description)
        }
    }

    /// The retry tiers of a domain: from the settings, else from its declarations, else the contract's three.
    package func tiers(of domain: Domain, topics: TopicDeclarations?) -> [RetryTier] {
        if let durations = self.durations("retry.tiers") {
            return durations.map { RetryTier(milliseconds: $0.wholeMilliseconds) }
        }
        return topics?.domain(domain)?.retryTiers ?? [5_000, 60_000, 600_000].map { RetryTier(milliseconds: $0) }
    }

    /// The consumer group of a worker that serves the domains, which are named in any order.
    package func group(serving domains: [Domain]) -> String {
        if let group = self.text("worker.group"), !group.isEmpty { return group }
        return (["adjutant"] + Set(domains.map(\.rawValue)).sorted()).joined(separator: ".")
    }

    package func limits() -> EnvelopeLimits {
        var limits = EnvelopeLimits()
        if let value = self.integer("limits.value_bytes") { limits.valueBytes = value }
        if let value = self.integer("limits.headers") { limits.headers = value }
        if let value = self.integer("limits.header_bytes") { limits.headerBytes = value }
        if let value = self.integer("limits.json_depth") { limits.jsonDepth = value }
        return limits
    }
}
