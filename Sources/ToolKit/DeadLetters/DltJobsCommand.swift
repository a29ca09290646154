import ArgumentParser
import DeadLetters
import Foundation

struct DltJobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Replay jobs: list, show, watch, cancel, resume.",
        discussion: """
            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt jobs list --domain commerce
              adjutant dlt jobs resume --domain commerce replay-20260504100000-1f2e
            """,
        subcommands: [
            DltJobsListCommand.self, DltJobsShowCommand.self, DltJobsWatchCommand.self, DltJobsCancelCommand.self,
            DltJobsResumeCommand.self,
        ])
}

extension DltSession {
    func job(_ id: String) throws -> JobRecord {
        guard let job = self.ledger.ledger.jobs[id] else {
            throw ToolError(.notFound, "there is no job \(id) in the domain \(self.domain); see `dlt jobs list`")
        }
        return job
    }
}

struct DltJobsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List replay jobs, the youngest first.",
        usage: "adjutant dlt jobs list --bootstrap-servers <servers> --domain <domain> [<options>]")

    @OptionGroup var options: DltOptions

    @Option(help: "Jobs to show at most; 0 for all")
    var limit = 50

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.limit >= 0 else { throw ValidationError("--limit must not be negative") }
    }

    func run() async throws {
        try await DltSession.run(self.options) { [self] session in
            let jobs = session.ledger.ledger.jobs.values.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
            let shown = self.limit == 0 ? jobs : Array(jobs.prefix(self.limit))
            try self.output.print(
                shown.map { JobRow($0, isAlive: session.isAlive($0)) }, table: JobRow.table)
            if jobs.count > shown.count { say("\(shown.count) of \(jobs.count) jobs are shown; see --limit") }
        }
    }
}

struct DltJobsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one replay job.",
        usage: "adjutant dlt jobs show --bootstrap-servers <servers> --domain <domain> <job> [<options>]")

    @OptionGroup var options: DltOptions
    @Argument(help: "The job's id") var job: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await DltSession.run(self.options) { [self] session in
            let job = try session.job(self.job)
            let row = JobRow(job, isAlive: session.isAlive(job))
            guard self.output.format == .table else { return try OutputOptions.print([row], as: .jsonl) }
            StandardStream.output.write(row.text(for: .output))
            if row.state == "interrupted" || row.state == "stopped" { say(ReplayJob.resumeHint(job)) }
        }
    }
}

struct DltJobsWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow a replay job to its end.",
        usage: "adjutant dlt jobs watch --bootstrap-servers <servers> --domain <domain> <job> [<options>]",
        discussion: "Exit codes: 0 the job has finished, 2 it was stopped, cancelled or cut off.")

    @OptionGroup var options: DltOptions
    @Argument(help: "The job's id") var job: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let isFinished = try await DltSession.run(self.options) { [self] session in
            let progress = ProgressLine()
            var job = try session.job(self.job)
            let total = Double(job.ranges.reduce(0) { $0 + $1.count })
            while session.isAlive(job) {
                progress.show("\(job.counts.sent) sent", done: Double(job.counts.settled), of: total)
                Thread.sleep(forTimeInterval: 0.3)
                try session.ledger.refresh()
                job = try session.job(self.job)
            }
            progress.clear()
            let row = JobRow(job, isAlive: false)
            if self.output.format == .table {
                StandardStream.output.write(row.summary(for: .output))
            } else {
                try OutputOptions.print([row], as: .jsonl)
            }
            return job.state == .finished
        }
        if !isFinished { throw ExitCode(ToolExit.partial.rawValue) }
    }
}

struct DltJobsCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a replay job for good, after the batch it is at.",
        usage: "adjutant dlt jobs cancel --bootstrap-servers <servers> --domain <domain> <job> [<options>]",
        discussion: "What was sent stays sent. Exit codes: 0 cancelled, or asked to end; 4 it has ended before.")

    @OptionGroup var options: DltOptions
    @Argument(help: "The job's id") var job: String

    @Option(help: "Why")
    var reason = "cancelled by hand"

    @Option(help: "Who: your user name and host when absent")
    var actor: String?

    func run() async throws {
        try await DltSession.run(self.options) { [self] session in
            let job = try session.job(self.job)
            guard job.state == .running || job.state == .stopped else {
                throw ToolError(.denied, "the job \(job.id) has ended before: it is \(job.state.rawValue)")
            }
            let actor = self.actor ?? "\(ProcessInfo.processInfo.userName)@\(ProcessInfo.processInfo.hostName)"
            let isAlive = session.isAlive(job)
            let actions = LetterActions(
                domain: session.domain, ledger: session.ledger, sink: try session.writer(), clock: session.clock)
            try actions.cancel(job, isAlive: isAlive, actor: actor, reason: self.reason)
            put(isAlive ? "\(job.id) will end after its batch" : "\(job.id) cancelled")
        }
    }
}

struct DltJobsResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Take up a replay job that was stopped or cut off.",
        usage: "adjutant dlt jobs resume --bootstrap-servers <servers> --domain <domain> <job> [<options>]",
        discussion: """
            Goes on with what the job has not sent, up to the end that it began with. What was noted and never \
            confirmed is sent, perhaps for a second time, with the same ids; nothing else is sent twice. Exit codes as \
            for `dlt replay`.
            """)

    @OptionGroup var options: DltOptions
    @Argument(help: "The job's id") var job: String

    @Option(help: ArgumentHelp("Wait so long for all outcomes at the end", valueName: "seconds"))
    var wait: Double?

    @Flag(help: "Even if the job seems to run somewhere; never while it does")
    var force = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let wait, !(wait > 0 && wait <= 86_400) { throw ValidationError("--wait must be above 0 and at most 86400") }
    }

    func run() async throws {
        let stop = StopFlag()
        let code = try await DltSession.run(self.options) { [self] session in
            let job = try session.job(self.job)
            let runner = try ReplayJob(session: session, output: self.output, stop: stop)
            return try runner.resume(job, targets: try session.targets(), wait: self.wait, isForced: self.force)
        }
        if code != 0 { throw ExitCode(code) }
    }
}
