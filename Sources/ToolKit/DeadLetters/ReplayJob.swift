import ArgumentParser
import Commands
import DeadLetters
import Processor
import Foundation

/// Starts or resumes a replay job and says how it goes. Blocks; one thread uses it.
struct ReplayJob {
    private let session: DltSession
    private let output: OutputOptions
    private let stop: StopFlag
    private let sink: any DeadLetterSink

    init(session: DltSession, output: OutputOptions, stop: StopFlag) throws {
        self.session = session
        self.output = output
        self.stop = stop
        self.sink = try session.writer()
    }

    func start(
        options: JobRecord.Options, filter: LetterFilter, targets: ReplayTargets, data: [UInt8]?, wait: Double?
    ) throws -> Int32 {
        try self.refuseCompany()
        guard let ranges = try self.session.ranges(of: self.session.topic) else {
            throw ToolError(.notFound, "there is no topic \(self.session.topic)")
        }
        var job = JobRecord(
            id: self.session.newID("replay"), domain: self.session.domain.rawValue, topic: self.session.topic,
            options: options, at: self.session.clock.wall(), owner: DltSession.owner, ranges: ranges)
        job.editedData = data.map { String(decoding: $0, as: UTF8.self) }
        if options.isOrdered || options.canary != nil || wait != nil {
            job.outcomesFrom = try self.outcomeRanges()
        }
        return try self.run(job, filter: filter, targets: targets, wait: wait)
    }

    func resume(_ job: JobRecord, targets: ReplayTargets, wait: Double?, isForced: Bool) throws -> Int32 {
        if self.session.isAlive(job), !isForced {
            throw ToolError(
                .denied,
                "the job \(job.id) runs in process \(job.owner.process) on \(job.owner.host): cancel it there first")
        }
        try self.refuseCompany(but: job.id)
        let filter = try LetterFilter(job.options.filter, now: job.createdAt)
        var resumed = try job.resumed(by: DltSession.owner, at: self.session.clock.wall())
        let needsOutcomes = job.options.isOrdered || wait != nil || job.options.canary != nil && !job.canaryPassed
        if needsOutcomes, resumed.outcomesFrom.isEmpty {
            resumed.lookForOutcomes(
                in: try self.outcomeRanges(), after: self.session.ledger.ledger.lastBatch(of: job.id))
        }
        return try self.run(resumed, filter: filter, targets: targets, wait: wait)
    }

    /// Two jobs at once could send the same letters.
    private func refuseCompany(but id: String? = nil) throws {
        let running = self.session.ledger.ledger.jobs.values.filter {
            $0.id != id && $0.topic == self.session.topic && $0.state == .running
        }
        if let other = running.first(where: self.session.isAlive) {
            throw ToolError(
                .denied,
                "the job \(other.id) of \(other.options.actor) is running: wait for it, or cancel it with "
                    + "`\(ToolEnvironment.current.name) dlt jobs cancel \(other.id)`")
        }
        for job in running.sorted(by: { $0.createdAt < $1.createdAt }) where id == nil {
            say("the job \(job.id) was cut off; \(Self.resumeHint(job))")
        }
    }

    private func outcomeRanges() throws -> [String: [PartitionRange]] {
        let domain = self.session.domain
        var topics = [domain.resultsTopic, domain.failuresTopic, domain.deadLetterTopic]
        topics += try self.session.targets().names.filter { $0 != domain.commandsTopic }
        var found: [String: [PartitionRange]] = [:]
        for topic in topics {
            guard let ranges = try self.session.ranges(of: topic) else { continue }
            found[topic] = ranges.map { PartitionRange(partition: $0.partition, low: $0.end, end: .max) }
        }
        return found
    }

    static func resumeHint(_ job: JobRecord) -> String {
        "resume it with `\(ToolEnvironment.current.name) dlt jobs resume --domain \(job.domain) \(job.id)`"
    }

    // MARK: - The run

    private func run(
        _ job: JobRecord, filter: LetterFilter, targets: ReplayTargets, wait: Double?
    ) throws -> Int32 {
        let stop = self.stop
        stop.listen { say("stopping after this batch; a second signal stops at once") }
        let runner = try ReplayRunner(
            job: job,
            world: .init(
                source: self.session.source, sink: self.sink, ledger: self.session.ledger, targets: targets,
                filter: filter, clock: self.session.clock))
        let rivals = ReplayRivals(
            ledger: self.session.ledger, clock: self.session.clock, isAlive: self.session.isAlive,
            pause: { Thread.sleep(forTimeInterval: Double($0) / 1000) })
        runner.mayStart = rivals.refuse
        runner.isStopping = { stop.isSet }
        runner.waitForOutcomes = wait.map { Int64($0 * 1000) }
        let progress = ProgressLine()
        let meter = JobMeter(job, clock: self.session.clock)
        runner.progress = { progress.show(meter.text($0), done: Double($0.counts.settled), of: meter.total) }
        say("job \(job.id): \(job.options.filter.isEmpty ? "all letters" : job.options.filter)".printable)
        let ended: JobRecord
        do {
            ended = try runner.run()
        } catch {
            progress.clear()
            if !runner.isElsewhere { say("job \(job.id) stopped; \(Self.resumeHint(job))") }
            throw error
        }
        progress.clear()
        if self.output.format == .table {
            StandardStream.output.write(JobRow(ended, isAlive: true).summary(for: .output))
        } else {
            try OutputOptions.print([JobRow(ended, isAlive: true)], as: .jsonl)
        }
        return try self.exitCode(ended, runner, targets, waits: wait != nil)
    }

    private func exitCode(
        _ job: JobRecord, _ runner: ReplayRunner, _ targets: ReplayTargets, waits: Bool
    ) throws -> Int32 {
        let counts = job.counts
        if let failure = runner.firstFailure {
            say("\(DltText.count(counts.failed, "letter")) not taken by the broker, still parked: \(failure)")
        }
        if counts.missing > 0 {
            // Nobody knows whether the filter meant them.
            let kind = job.options.filter.isEmpty && job.options.until == nil ? "letter" : "record"
            say("\(DltText.count(counts.missing, kind)) no longer available")
        }
        if counts.refused > 0 {
            say(
                "\(DltText.count(counts.refused, "letter")) refused: their headers name no topic that the domain "
                    + "\(job.domain) declares for commands (\(targets.names.sorted().joined(separator: ", "))); "
                    + "see `dlt replay` without --execute")
        }
        switch job.state {
        case .stopped:
            say("stopped: \(job.note); \(Self.resumeHint(job))")
            if self.stop.isSet { return self.stop.exitCode }
            return (runner.isOutOfTime ? ToolExit.unreachable : .partial).rawValue
        case .cancelled:
            say(job.note.printable)
            return ToolExit.partial.rawValue
        case .running, .finished: break
        }
        if counts.refused > 0 { return ToolExit.denied.rawValue }
        if waits, runner.openOutcomes > 0 {
            say("no outcome in time of \(DltText.count(runner.openOutcomes, "letter"))")
            return self.stop.isSet ? self.stop.exitCode : ToolExit.unreachable.rawValue
        }
        return counts.failed > 0 || counts.missing > 0 || (waits && counts.failedAgain > 0)
            ? ToolExit.partial.rawValue : 0
    }
}
