import ArgumentParser
import Ledger

struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules", abstract: "Commands to be sent at a time, or again and again.",
        discussion: """
            Schedules lie in the database; workers that run with the same database send their commands. A schedule is \
            named by its id or its name.

            EXAMPLES
              export ADJUTANT_DATABASE_URL=postgres://adjutant@localhost/adjutant
              adjutant schedules add --domain lab --type lab.run --in 10m
              adjutant schedules add --domain lab --type lab.run --name nightly \\
                --cron '30 2 * * *' --time-zone Europe/Berlin
              adjutant schedules pause nightly
            """,
        subcommands: [
            SchedulesAddCommand.self, SchedulesListCommand.self, SchedulesShowCommand.self, SchedulesPauseCommand.self,
            SchedulesResumeCommand.self, SchedulesRescheduleCommand.self, SchedulesCancelCommand.self,
        ])
}

struct SchedulesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List schedules, the newest first.",
        discussion: """
            EXAMPLES
              adjutant schedules list
              adjutant schedules list --state active -o json
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: "The domain")
    var domain: String?

    @Option(help: "The command type")
    var type: String?

    @Option(help: "active, paused, done or cancelled")
    var state: String?

    @OptionGroup var page: PageOptions

    func validate() throws {
        if let state, Schedule.State(rawValue: state) == nil {
            throw ValidationError("--state must be active, paused, done or cancelled")
        }
    }

    func run() async throws {
        let settings = try self.options.settings()
        var filter = ScheduleFilter()
        filter.domain = self.domain
        filter.type = self.type
        filter.state = self.state.flatMap(Schedule.State.init(rawValue:))
        try await DatabaseSession.run(settings) { connection in
            try await self.page.print(ScheduleRow.init, table: ScheduleRow.table) { cursor, limit in
                filter.after = cursor
                return try await ScheduleStore(connection).list(filter, limit: limit)
            }
        }
    }
}

struct SchedulesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a schedule, what it sends, and its next due times.",
        discussion: """
            Exit codes: 0 shown, 3 no such schedule.

            EXAMPLES
              adjutant schedules show nightly -o json
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The schedule's id or name")
    var schedule: String

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try self.options.settings()
        let found = try await DatabaseSession.run(settings) { try await ScheduleStore($0).find(self.schedule) }
        guard let found else { throw ToolError(.notFound, "there is no schedule \(self.schedule)") }
        let view = ScheduleView(found)
        if self.output.format == .table { view.printText() } else { try OutputOptions.print([view], as: .jsonl) }
    }
}
