import ArgumentParser
import Ledger

/// What the commands that change a schedule take.
struct ScheduleChangeOptions: ParsableArguments {
    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The schedule's id or name")
    var schedule: String

    func run(_ what: String, _ change: (ScheduleStore) async throws -> Schedule) async throws {
        let settings = try self.options.settings()
        let schedule = try await DatabaseSession.run(settings) { try await change(ScheduleStore($0)) }
        let next = schedule.state == .active ? ", due \(schedule.nextDue?.text ?? "never")" : ""
        say("schedule \(schedule.name ?? schedule.id) is \(what)\(next)")
    }
}

struct SchedulesPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let a schedule rest; what falls due meanwhile is not fired.",
        discussion: """
            Exit codes: 0 paused, 3 no such schedule, 4 it is cancelled or has fired.

            EXAMPLES
              adjutant schedules pause nightly
            """)

    @OptionGroup var change: ScheduleChangeOptions

    func run() async throws { try await self.change.run("paused") { try await $0.pause(self.change.schedule) } }
}

struct SchedulesResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a paused schedule go on.",
        discussion: """
            A cron expression goes on with its next due time. A time that passed during the pause is treated as missed.

            Exit codes: 0 resumed, 3 no such schedule, 4 it is cancelled or has fired.

            EXAMPLES
              adjutant schedules resume nightly
            """)

    @OptionGroup var change: ScheduleChangeOptions

    func run() async throws { try await self.change.run("active") { try await $0.resume(self.change.schedule) } }
}

struct SchedulesCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a schedule for good.",
        discussion: """
            What it has sent already is not called back: see `commands cancel`. Its name becomes free.

            Exit codes: 0 cancelled, 3 no such schedule, 4 it is cancelled or has fired already.

            EXAMPLES
              adjutant schedules cancel nightly
            """)

    @OptionGroup var change: ScheduleChangeOptions

    func run() async throws { try await self.change.run("cancelled") { try await $0.cancel(self.change.schedule) } }
}

struct SchedulesRescheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reschedule", abstract: "Give a schedule another time.",
        usage: "adjutant schedules reschedule <schedule> (--in | --at | --cron) <when> [<options>]",
        discussion: """
            A paused one stays paused. One that has fired its only time fires once more.

            Exit codes: 0 changed, 3 no such schedule, 4 it is cancelled.

            EXAMPLES
              adjutant schedules reschedule nightly --cron '30 3 * * *' --time-zone Europe/Berlin
            """)

    @OptionGroup var change: ScheduleChangeOptions
    @OptionGroup var when: TimingOptions

    func run() async throws {
        let timing = try self.when.timing()
        try await self.change.run("rescheduled") { try await $0.reschedule(self.change.schedule, to: timing) }
    }
}
