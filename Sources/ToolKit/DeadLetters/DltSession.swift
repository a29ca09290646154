import Commands
import DeadLetters
import Foundation
import KafkaClient
import KafkaTransport
import Logging
import Processor
import TopicDeclarations

/// A cluster as the commands about dead letters see it. Blocks; one thread uses it.
final class DltSession {
    let domain: Domain
    /// The dead-letter topic.
    let topic: String
    let settings: Settings
    let source: KafkaDeadLetterSource
    let ledger: LedgerStore
    let clock = EngineClock.system
    private let configuration: KafkaConfiguration
    private let topics: [(name: String, partitions: Int32)]
    private let logger: Logger
    private let timeout: Double
    private var sink: KafkaDeadLetterSink?

    init(_ options: DltOptions) throws {
        let cluster = try DltCluster(options)
        self.settings = cluster.settings
        self.domain = cluster.domain
        self.topic = cluster.topic
        self.timeout = options.timeout
        self.logger = cluster.logger
        self.configuration = cluster.configuration
        self.topics = cluster.topics
        self.source = cluster.source
        do {
            self.ledger = try LedgerStore(domain: self.domain, source: self.source)
        } catch {
            throw ToolError(error)
        }
    }

    func close() {
        self.sink?.close()
        self.ledger.close()
        self.source.close()
    }

    /// Runs the body with a session, on a thread that may block.
    static func run<Result: Sendable>(
        _ options: DltOptions, _ body: @escaping @Sendable (DltSession) throws -> Result
    ) async throws -> Result {
        try await DedicatedThread.run("adj-dlt") {
            let session = try DltSession(options)
            defer { session.close() }
            do {
                return try body(session)
            } catch {
                throw ToolError(error)
            }
        }
    }

    // MARK: - Reading

    func filter(_ selection: LetterSelection) throws -> LetterFilter {
        try LetterFilter(selection.text(topic: self.topic), now: self.clock.wall())
    }

    /// Reads all letters that the filter may mean, with their states.
    ///
    /// - Parameters:
    ///   - seesAll: Whether it is also given those that the filter does not mean.
    ///   - take: False when it has enough.
    func scan(
        _ filter: LetterFilter, records: Int = .max, showsProgress: Bool = true, seesAll: Bool = false,
        take: (DeadLetter, LetterState) throws -> Bool
    ) throws -> ScanReport {
        var scan = LetterScan(source: self.source, topic: self.topic, clock: self.clock)
        scan.bounds.deadline = self.clock.monotonic() + Int64(self.timeout * 1_000_000)
        scan.bounds.records = records
        let progress = ProgressLine()
        if showsProgress {
            scan.progress = { progress.show("reading \(self.topic)", done: Double($0), of: Double($1)) }
        }
        defer { progress.clear() }
        let all = try scan.ranges()
        let ledger = self.ledger.ledger
        var matched = 0
        var report = try scan.run(all.compactMap(filter.narrowed)) { letter in
            let state = ledger.state(of: letter)
            let isMeant = filter.matches(letter, state, domain: self.domain.rawValue)
            if isMeant { matched += 1 }
            guard isMeant || seesAll else { return true }
            return try take(letter, state)
        }
        report.matched = matched
        report.trimmed = all.reduce(0) { $0 + $1.low }
        return report
    }

    /// The one letter that is meant.
    func one(_ selection: LetterSelection) throws -> (letter: DeadLetter, state: LetterState, others: Int) {
        let filter = try self.filter(selection)
        guard !filter.isEmpty else {
            throw ToolError(.usage, "no letter given: name it as partition/offset or by its id")
        }
        var found: (DeadLetter, LetterState)?
        var count = 0
        let report = try self.scan(filter) { letter, state in
            count += 1
            if found == nil || letter.failedAt >= found!.0.failedAt { found = (letter, state) }
            return true
        }
        self.tell(report)
        if report.isCutShort { throw self.cutShort }
        guard let found else { throw self.noSuchLetter }
        return (found.0, found.1, count - 1)
    }

    /// Tells of a letter that was named and is not there, before anything is done.
    func require(_ selection: LetterSelection) throws {
        guard selection.letter != nil else { return }
        let report = try self.scan(try self.filter(selection)) { _, _ in false }
        if report.matched > 0 { return }
        guard !report.isCutShort else { throw self.cutShort }
        throw self.noSuchLetter
    }

    var noSuchLetter: ToolError { ToolError(.notFound, "no such letter on \(self.topic)") }

    private var cutShort: ToolError {
        ToolError(.partial, "\(self.topic) was not read to its end, so the letter may be elsewhere: see --timeout")
    }

    /// Says on standard error what a reader of the result must know.
    func tell(_ report: ScanReport) {
        DltText.tellTrimmed(report.trimmed, of: self.topic)
        if report.missing > 0 {
            say("\(report.missing) records of \(self.topic) went while it was read")
        }
        switch report.end {
        case .complete, .enough: break
        case .outOfTime:
            say("cut short: \(report.scanned) records were read in \(self.timeout.formatted()) s; see --timeout")
        case .atLimit: say("cut short: only \(report.scanned) records were read; see --scan")
        case .interrupted: say("cut short: interrupted after \(report.scanned) records")
        }
    }

    // MARK: - Writing

    var showsPayloads: Bool { self.settings.flag("dlt.show_payloads") ?? true }
    var maxReplays: Int { self.settings.integer("dlt.max_replays") ?? 5 }

    func targets() throws -> ReplayTargets {
        let declared = try self.settings.topics()
        return ReplayTargets(
            domain: self.domain, declared: declared?.domain(self.domain),
            tiers: self.settings.tiers(of: self.domain, topics: declared))
    }

    /// Where notes and letters go; there must be a place to note things.
    func writer() throws -> any DeadLetterSink {
        for topic in [self.ledger.topic, self.domain.auditTopic]
        where !self.topics.contains(where: { $0.name == topic }) {
            throw ToolError(
                .notFound,
                "there is no topic \(topic) to note this on: declare it and create it with "
                    + "`\(ToolEnvironment.current.name) topics apply --execute`")
        }
        if let sink { return sink }
        do {
            let sink = try KafkaDeadLetterSink(
                configuration: WorkerAssembly.withoutConsumerProperties(self.configuration), topics: self.topics,
                logger: self.logger)
            self.sink = sink
            return sink
        } catch {
            throw ToolError(error)
        }
    }

    func ranges(of topic: String) throws -> [PartitionRange]? { try self.source.ranges(of: topic) }

    /// A name that sorts by time, for jobs and actions.
    func newID(_ kind: String) -> String {
        let now = DltText.time(self.clock.wall()).filter(\.isNumber).prefix(14)
        let tail = String(UInt16.random(in: 0...UInt16.max), radix: 16)
        return "\(kind)-\(now)-\(String(repeating: "0", count: 4 - tail.count))\(tail)"
    }

    static var owner: JobRecord.Owner {
        JobRecord.Owner(
            host: ProcessInfo.processInfo.hostName, process: ProcessInfo.processInfo.processIdentifier)
    }

    func isAlive(_ job: JobRecord) -> Bool {
        job.isAlive(at: self.clock.wall(), host: Self.owner.host) { kill($0, 0) == 0 || errno == EPERM }
    }
}
