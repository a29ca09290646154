import ArgumentParser
import Commands

struct HandlersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handlers", abstract: "The registry of this program.",
        discussion: """
            EXAMPLES
              adjutant handlers list
              adjutant handlers list -o json
            """,
        subcommands: [HandlersListCommand.self])
}

struct HandlersListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the command types with their policies.",
        discussion: """
            Policies are those in force: as the service wrote them, with the settings over them. Needs no cluster.

            EXAMPLES
              adjutant handlers list
              adjutant handlers list --domain lab -o json
              ADJUTANT_RETRY_ATTEMPTS=5 adjutant handlers list
            """)

    @Option(help: "Only this domain; may be repeated")
    var domain: [String] = []

    @Option(help: "A YAML file with settings; ADJUTANT_… variables go over it")
    var config: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try Settings.load(file: self.config)
        let environment = ToolEnvironment.current
        for name in self.domain { _ = try environment.requireService(Domain(name)) }
        var rows: [HandlerRow] = []
        for service in environment.services
        where self.domain.isEmpty || self.domain.contains(service.domain.rawValue) {
            var registry = try environment.registry(of: service)
            registry.updatePolicies { type, policy in settings.apply(to: &policy, of: type) }
            rows += registry.entries.map { HandlerRow($0, domain: service.domain) }
        }
        try self.output.print(rows, table: HandlerRow.table)
    }
}

/// One handler of the registry.
struct HandlerRow: Encodable {
    struct Policy: Encodable {
        var attempts: Int
        /// As the settings spell them.
        var delays: [String]
        var timeout: String
        var ordering: Ordering
        var strictOrder: Bool
        /// What the type has no limit for is left out.
        var concurrency: Int?
        var rate: String?
        var tenantRate: String?
        var outageAfter: Int?
        var outageProbe: String?

        fileprivate var limits: String {
            [
                self.rate, self.tenantRate.map { "\($0) a tenant" }, self.concurrency.map { "\($0) at once" },
                self.outageAfter.map { "outage after \($0)" },
            ].compactMap { $0 }.joined(separator: ", ")
        }
    }

    var type: String
    var domain: String
    var input: String
    var output: String
    var policy: Policy

    init(_ entry: HandlerEntry, domain: Domain) {
        self.type = entry.type.rawValue
        self.domain = domain.rawValue
        self.input = entry.inputName
        self.output = entry.outputName
        let retry = entry.policy.retry
        // What lies between two attempts, jitter aside: one delay fewer than attempts, of many the first.
        let delays = (1...min(max(1, retry.attempts - 1), Self.mostDelays)).map {
            retry.delayMilliseconds(afterAttempt: $0, unit: 0.5)
        }
        self.policy = Policy(
            attempts: retry.attempts,
            delays: retry.attempts < 2 ? [] : delays.map { DurationText.text(milliseconds: $0) },
            timeout: DurationText.text(milliseconds: entry.policy.timeout.wholeMilliseconds),
            ordering: entry.policy.ordering, strictOrder: entry.policy.strictOrder)
        let limits = entry.policy.limits
        self.policy.concurrency = limits.concurrency
        self.policy.rate = limits.rate?.text
        self.policy.tenantRate = limits.tenantRate?.text
        self.policy.outageAfter = limits.outageAfter
        self.policy.outageProbe = limits.outageAfter.map { _ in
            DurationText.text(milliseconds: limits.outageProbe.wholeMilliseconds)
        }
    }

    static let mostDelays = 100

    static func table(_ rows: [HandlerRow]) -> TextTable {
        var table = TextTable([
            .init("TYPE"), .init("DOMAIN"), .init("TRIES", isRight: true), .init("DELAYS", least: 6),
            .init("TIMEOUT", isRight: true), .init("ORDER"), .init("LIMITS", least: 6), .init("INPUT", least: 8),
            .init("OUTPUT", least: 8),
        ])
        for row in rows {
            let policy = row.policy
            table.add([
                .init(row.type), .init(row.domain), "\(policy.attempts)", .init(policy.delays.joined(separator: ",")),
                .init(policy.timeout), .init(policy.ordering.rawValue + (policy.strictOrder ? ", strict" : "")),
                .init(policy.limits.isEmpty ? "-" : policy.limits), .init(row.input), .init(row.output),
            ])
        }
        return table
    }
}
