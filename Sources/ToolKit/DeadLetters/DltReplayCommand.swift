import ArgumentParser
import Commands
import DeadLetters
import Processor
import Foundation
import JSONCoding

struct DltReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send dead letters again.",
        usage: "adjutant dlt replay --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            Says what it would do, and why it would leave letters out; does it with --execute. Each letter goes back to \
            the topic that its headers name, with its own id, key, headers and data, and with adjutant-replays counted up. \
            Letters that were replayed, discarded or resolved are left out, and those that were replayed too often are \
            quarantined: a copy goes to <domain>.dlt.parked.

            A replay is a job. It ends at the topic's end as it was when it began, notes every batch before it sends it, \
            and can be watched, cancelled, and resumed after whatever happened to it: see `adjutant dlt jobs`. The first \
            interrupt ends it after the batch, a second one at once.

            Exit codes: 0 done, 2 a canary failed, some letter could not be sent, or with --wait some failed again, \
            3 the letter named is not there, 4 letters were refused since their topic is not declared or not known, or another job runs, 5 no outcome of \
            a canary, an ordered letter or, with --wait, any letter in time, 130 interrupted.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt replay --domain commerce --filter 'code=TIMEOUT age<=2h'
              adjutant dlt replay --domain commerce --filter code=TIMEOUT \\
                --execute --reason 'gateway is back' --canary 5 --rate 100
              adjutant dlt replay --domain commerce 3/17 \\
                --edit '{"userId":"ada"}' --execute --reason 'wrong user' --wait 30
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection
    @OptionGroup var change: ChangeOptions
    @OptionGroup(title: "HOW") var how: ReplayOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let stop = StopFlag()
        let code = try await DltSession.run(self.options) { [self] session in
            try self.replay(session, stop)
        }
        if code != 0 { throw ExitCode(code) }
    }

    private func replay(_ session: DltSession, _ stop: StopFlag) throws -> Int32 {
        let text = try self.selection.text(topic: session.topic)
        let filter = try LetterFilter(text, now: session.clock.wall())
        var options = try self.how.options(now: session.clock.wall(), maxReplays: session.maxReplays)
        options.filter = text
        options.reason = self.change.reason ?? ""
        options.actor = self.change.name
        let targets = try session.targets()
        if let target = options.target, !targets.allows(target) {
            throw ToolError(
                .denied,
                "--to \(target): the domain \(session.domain) declares no such topic for commands; there are "
                    + targets.names.sorted().joined(separator: ", "))
        }
        let data = try self.how.data()
        if let data {
            let letter = try session.one(self.selection).letter
            if let fault = ReplayWriter.fault(ofEdited: letter, data: data, limits: session.settings.limits()) {
                throw ToolError(
                    .usage,
                    "--edit changes the data alone, and no worker could read the command \(letter.coordinate): \(fault); "
                        + "send a new one with `\(ToolEnvironment.current.name) send`")
            }
        }
        guard self.change.execute else {
            return try self.preview(session, filter, options, targets)
        }
        if data == nil { try session.require(self.selection) }
        let runner = try ReplayJob(session: session, output: self.output, stop: stop)
        return try runner.start(options: options, filter: filter, targets: targets, data: data, wait: self.how.wait)
    }

    private func preview(
        _ session: DltSession, _ filter: LetterFilter, _ options: JobRecord.Options, _ targets: ReplayTargets
    ) throws -> Int32 {
        var rules = ReplayRules(filter: filter, options: options, targets: targets)
        var plan = ReplayPlan(now: session.clock.wall(), limit: options.limit)
        // Letters that were sent before tell which others are of the same command.
        plan.report = try session.scan(filter, seesAll: true) { letter, state in
            if let decision = rules.decide(letter, state) { plan.add(letter, state, decision) }
            return !plan.isFull
        }
        if self.selection.letter != nil, plan.report.matched == 0, !plan.report.isCutShort {
            throw session.noSuchLetter
        }
        let row = PlanRow(plan, options)
        if self.output.format == .table {
            StandardStream.output.write(row.text(for: .output))
        } else {
            try OutputOptions.print([row], as: .jsonl)
        }
        session.tell(plan.report)
        say("nothing was sent; add --execute and --reason to do it")
        if plan.refused > 0 { say(row.refusal(domain: session.domain, targets: targets)) }
        return plan.refused > 0 ? ToolExit.denied.rawValue : plan.report.isCutShort ? ToolExit.partial.rawValue : 0
    }
}

/// How a replay goes about it.
struct ReplayOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Letters a second; as fast as it goes when absent", valueName: "letters"))
    var rate: Double?

    @Option(help: ArgumentHelp("Letters to send at most", valueName: "letters"))
    var limit: Int?

    @Option(
        help: ArgumentHelp("Wait for the outcomes of so many first, and stop if any fails again", valueName: "letters"))
    var canary: Int?

    @Option(
        help: ArgumentHelp(
            "Only letters given up before: RFC 3339, a date, or a time ago such as 2h", valueName: "time"))
    var until: String?

    @Flag(help: "Of each key the next one only when the outcome of the one before is known")
    var ordered = false

    @Option(help: ArgumentHelp("A declared topic instead of each letter's own", valueName: "topic"))
    var to: String?

    @Option(
        help: ArgumentHelp("Send one letter with this data instead, under a new id: JSON, or @file", valueName: "json"))
    var edit: String?

    @Flag(help: "Letters that were replayed before, too")
    var again = false

    @Option(help: ArgumentHelp("Wait so long for all outcomes at the end", valueName: "seconds"))
    var wait: Double?

    @Option(
        name: .customLong("outcome-timeout"),
        help: ArgumentHelp("How long canaries and ordered letters may take", valueName: "seconds"))
    var outcomeTimeout: Double = 60

    @Option(
        name: .customLong("max-replays"), help: "Replays past which a letter is quarantined, instead of dlt.max_replays"
    )
    var maxReplays: Int?

    @Option(help: ArgumentHelp("Letters on their way at most: what a crash can repeat", valueName: "letters"))
    var batch: Int?

    func validate() throws {
        if let rate, !(rate > 0 && rate <= 1_000_000) { throw ValidationError("--rate must be above 0") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
        if let canary, !(1...10_000).contains(canary) {
            throw ValidationError("--canary must be between 1 and 10000")
        }
        if let wait, !(wait > 0 && wait <= 86_400) { throw ValidationError("--wait must be above 0 and at most 86400") }
        guard self.outcomeTimeout > 0, self.outcomeTimeout <= 86_400 else {
            throw ValidationError("--outcome-timeout must be above 0 and at most 86400")
        }
        if let maxReplays, maxReplays < 1 { throw ValidationError("--max-replays must be at least 1") }
        if let batch, !(1...100_000).contains(batch) { throw ValidationError("--batch must be between 1 and 100000") }
    }

    func options(now: Int64, maxReplays: Int) throws -> JobRecord.Options {
        var options = JobRecord.Options()
        options.rate = self.rate
        options.limit = self.edit == nil ? self.limit : 1
        options.canary = self.canary
        options.isOrdered = self.ordered
        options.target = self.to
        options.again = self.again
        options.maxReplays = self.maxReplays ?? maxReplays
        options.batch = self.batch
        options.outcomeTimeout = Int64(self.outcomeTimeout * 1000)
        options.waits = self.wait != nil
        if let until {
            guard let time = LetterTime.parse(until, now: now) else {
                throw ToolError(
                    .usage,
                    "--until \(until): give a time such as 2026-05-04T10:00:00Z or 2026-05-04, or 2h for so long ago")
            }
            options.until = time
        }
        return options
    }

    /// The changed data; nil when nothing is changed.
    func data() throws -> [UInt8]? {
        guard let edit else { return nil }
        let bytes: [UInt8]
        if edit.hasPrefix("@") {
            do {
                bytes = try InputFile.read(String(edit.dropFirst()))
            } catch {
                throw ToolError(.usage, "--edit: the file \(error)")
            }
        } else {
            bytes = Array(edit.utf8)
        }
        do {
            _ = try JSONDocument(parsing: bytes)
        } catch {
            throw ToolError(.usage, "--edit is no JSON: \(error.message) at byte \(error.offset)")
        }
        return bytes
    }
}
