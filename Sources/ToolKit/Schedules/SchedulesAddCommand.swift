import ArgumentParser
import Commands
import Ledger

struct SchedulesAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Have a command sent at a time, or again and again.",
        usage: "adjutant schedules add --domain <domain> --type <type> (--in | --at | --cron) <when> [<options>]",
        discussion: """
            Prints the schedule's id. Times are those of the database's clock. Every due time sends one command, whose id \
            comes from the schedule and the due time. Due times that passed more than a minute ago while no worker ran are \
            fired once all together, or not at all with --missed skip.

            Exit codes: 0 stored, 4 the name is taken.

            EXAMPLES
              adjutant schedules add --domain lab --type lab.run --data '{"echo":1}' --in 10m
              adjutant schedules add --domain lab --type lab.run --at 2030-01-31T12:00:00Z
              adjutant schedules add --domain lab --type lab.run --cron '*/15 9-17 * * mon-fri' --missed skip
            """)

    @OptionGroup var options: DatabaseOptions
    @OptionGroup var when: TimingOptions

    @Option(help: "The domain whose commands topic gets the command")
    var domain: String?

    @Option(help: "The command type, for example payment.process")
    var type: String

    @Option(help: ArgumentHelp("The command's data; {} when absent", valueName: "json"))
    var data: String?

    @Option(help: "The ordering key")
    var key: String?

    @Option(help: "A name to call the schedule by; unique among those not cancelled")
    var name: String?

    @Option(help: "What becomes of missed due times: fire_once or skip")
    var missed = MissedPolicy.fireOnce.rawValue

    @Option(help: "For whom the command is sent") var actor: String?
    @Option(help: "Whose the command is") var tenant: String?

    @Option(
        name: .customLong("attribute"),
        help: ArgumentHelp("A CloudEvents attribute of the command; may be repeated", valueName: "name=value"))
    var attributes: [String] = []

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if MissedPolicy(rawValue: self.missed) == nil { throw ValidationError("--missed must be fire_once or skip") }
    }

    func run() async throws {
        let data = Array((self.data ?? "{}").utf8)
        if let problem = CommandRules.problem(data: data[...]) { throw ToolError(.usage, "--data is \(problem)") }
        if let problem = CommandRules.problem(attribute: "type", self.type) { throw ToolError(.usage, "--\(problem)") }
        let (domain, type) = (try ToolEnvironment.current.domain(self.domain), CommandType(self.type))
        if let doubt = try ToolEnvironment.current.doubt(type, in: domain) { say("warning: \(doubt)") }
        let draft = ScheduleDraft(
            domain: domain, type: type, key: self.key,
            data: data, attributes: try self.attributeValues(), timing: try self.when.timing(), name: self.name,
            missedPolicy: MissedPolicy(rawValue: self.missed) ?? .fireOnce, createdBy: ActorOption.user)
        let settings = try self.options.settings()
        let schedule = try await DatabaseSession.run(settings) { try await ScheduleStore($0).add(draft) }
        if self.output.format == .table {
            put(schedule.id)
            say("due \(schedule.nextDue?.text ?? "never")")
        } else {
            try OutputOptions.print([ScheduleRow(schedule)], as: .jsonl)
        }
    }

    /// Set by Adjutant for each command.
    private static let own = ["specversion", "id", "source", "type", "time", "scheduleid", "datacontenttype"]

    private func attributeValues() throws -> [String: String] {
        var values: [String: String] = [:]
        values["actor"] = self.actor
        values["tenant"] = self.tenant
        for text in self.attributes {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw ToolError(.usage, "--attribute \(text): give a name and a value, name=value")
            }
            guard !Self.own.contains(parts[0]) else {
                throw ToolError(.usage, "--attribute \(parts[0]): Adjutant sets this one itself")
            }
            values[parts[0]] = parts[1]
        }
        for (name, value) in values {
            if let problem = CommandRules.problem(attribute: name, value) {
                throw ToolError(.usage, "the attribute \(name): \(problem)")
            }
        }
        return values
    }
}
