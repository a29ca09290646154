import ArgumentParser
import Commands
import Foundation
import JSONCoding
import Ledger

/// When a schedule is due.
struct TimingOptions: ParsableArguments {
    @Option(name: .customLong("in"), help: ArgumentHelp("Once, so long from now on: 10m", valueName: "duration"))
    var delay: String?

    @Option(help: ArgumentHelp("Once, at a time: RFC 3339", valueName: "time"))
    var at: String?

    @Option(help: ArgumentHelp("Again and again: minute hour day month weekday, or @daily …", valueName: "expression"))
    var cron: String?

    @Option(name: .customLong("time-zone"), help: "Where the times of --cron hold: Europe/Berlin; UTC when absent")
    var timeZone: String?

    func validate() throws {
        guard [self.delay, self.at, self.cron].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("say when: one of --in, --at and --cron")
        }
        if self.timeZone != nil, self.cron == nil { throw ValidationError("--time-zone goes with --cron") }
    }

    func timing() throws -> ScheduleTiming {
        if let delay {
            guard let duration = DurationText.duration(delay) else {
                throw ToolError(.usage, "--in must be a duration such as 30s, 10m or 2h")
            }
            return .after(duration)
        }
        if let at {
            guard let moment = RFC3339.parse(at) else {
                throw ToolError(.usage, "--at must be an RFC 3339 time such as 2030-01-31T12:00:00Z")
            }
            return .at(moment)
        }
        do {
            return .cron(
                try CronExpression(self.cron ?? ""), try TimeZone(scheduleZone: self.timeZone ?? "UTC"))
        } catch let error as CronError {
            throw ToolError(.usage, "--cron: \(error)")
        } catch let error as LedgerError {
            throw ToolError(.usage, "--time-zone: \(error)")
        }
    }
}
