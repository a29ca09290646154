import Commands
import Processor

/// Carries out one replay job.
///
/// Batch by batch: what is about to be sent is noted first, then it is sent, and when the broker has all of it, that is
/// noted too. Several batches are on their way at once, as many letters as the job's window has, and the notes of as many
/// again go ahead, so that no batch has to wait for its own. Whoever takes the job up after a crash sends those that were
/// noted and not confirmed, with the same ids: those of one window perhaps for a second time, and nothing else twice.
/// Blocks; one thread uses it.
package final class ReplayRunner {
    /// What the runner works with.
    package struct Surroundings {
        package var source: any DeadLetterSource
        package var sink: any DeadLetterSink
        package var ledger: LedgerStore
        package var targets: ReplayTargets
        package var filter: LetterFilter
        package var clock: EngineClock

        package init(
            source: any DeadLetterSource, sink: any DeadLetterSink, ledger: LedgerStore, targets: ReplayTargets,
            filter: LetterFilter, clock: EngineClock = .system
        ) {
            self.source = source
            self.sink = sink
            self.ledger = ledger
            self.targets = targets
            self.filter = filter
            self.clock = clock
        }
    }

    package internal(set) var job: JobRecord
    let world: Surroundings
    let sink: any DeadLetterSink
    let domain: Domain
    let feed: any LetterFeed
    let rules: ReplayRules
    /// What was done about letters when the feed was made.
    private let revision: Int
    var draft = OutgoingRecord()
    var pacer: Pacer
    var watch: OutcomeWatch?
    var outcomeReader: (any DeadLetterReader)?
    var lastHeartbeat: Int64 = 0
    /// Batches on their way, oldest first.
    var flights: [Flight] = []
    /// Records of the job and events on their way.
    var openNotes = 0
    /// What is wrong with the way to the broker.
    var failure: DeadLetterError?
    /// The only letter sent so far: the job's own event tells of it, unless more follow.
    var onlyLetter: DeadLetter?
    /// Letters that have an audit event of their own.
    var audited = 0
    /// Letters that an earlier run had noted and that were seen to otherwise since.
    var leftOut = 0
    /// Something that was noted was not sent after all.
    var hasGivenUp = false
    var lastProgress: Int64 = 0
    let started: Int64
    private var number: Int
    private var lastRefresh: Int64?

    /// Changed data for the one letter that is replayed.
    let editedData: [UInt8]?
    /// The id of the command with the changed data.
    package internal(set) var editedID: String?
    /// Why the first letter that the broker did not take was refused.
    package internal(set) var firstFailure: DeadLetterError?
    /// Whether it stopped since outcomes did not come in time.
    package internal(set) var isOutOfTime = false
    /// Whether somebody else had taken the job up, who goes on with it.
    package internal(set) var isElsewhere = false
    package var isStopping: () -> Bool = { false }
    /// Called once the job is noted; an error ends it before anything is sent.
    package var mayStart: (JobRecord) throws -> Void = { _ in }
    /// Called now and then with how far the job is.
    package var progress: (JobRecord) -> Void = { _ in }
    /// Milliseconds to wait for outcomes after everything is sent; nil not to wait.
    package var waitForOutcomes: Int64?

    package init(job: JobRecord, world: Surroundings) throws {
        self.job = job
        self.editedData = job.editedData.map { Array($0.utf8) }
        self.world = world
        self.sink = world.sink
        self.domain = world.targets.domain
        self.pacer = Pacer(rate: job.options.rate)
        self.number = world.ledger.ledger.lastBatch(of: job.id)
        self.started = world.clock.wall()
        let done = world.ledger.ledger.done(by: job.id)
        var known = done.letters
        known.formUnion(done.quarantined)
        let settled = known
        for batch in world.ledger.ledger.unconfirmed(of: job.id) {
            known.formUnion(batch.letters)
            known.formUnion(batch.quarantined)
        }
        world.ledger.own(job: job.id)
        self.revision = world.ledger.revision
        self.rules = ReplayRules(filter: world.filter, options: job.options, targets: world.targets)
        // A new job reads what is there now; of one that is taken up, letters that it has sent may be gone since.
        let present = known.isEmpty ? [] : try world.source.ranges(of: job.topic) ?? []
        let trimmed = TrimmedRanges(self.rules.narrowed(job.ranges), present: present, known: settled)
        let selector = FeedSelector(rules: self.rules, known: known, ledger: world.ledger, trimmed: trimmed)
        let reader = try world.source.reader([job.topic: trimmed.ranges])
        self.feed =
            job.options.isOrdered
            ? OrderedFeed(reader: reader, selector: selector) : ScanFeed(reader: reader, selector: selector)
        // What an earlier run counted is counted again while the topic is read.
        let earlier = job.counts
        self.job.counts = JobRecord.Counts()
        self.job.counts.repeated = earlier.repeated
        self.job.counts.sent = done.letters.count
        self.job.counts.quarantined = done.quarantined.count
    }

    /// Whether outcomes matter to the job.
    var needsOutcomes: Bool {
        self.waitForOutcomes != nil || self.job.options.isOrdered
            || self.job.options.canary != nil && !self.job.canaryPassed
    }

    /// Runs to the end, or until it is stopped.
    ///
    /// - Returns: The job as it ended.
    package func run() throws -> JobRecord {
        defer {
            self.feed.close()
            self.outcomeReader?.close()
        }
        do {
            try self.save()
            try self.refuseElsewhere()
            try self.mayStart(self.job)
            let (state, note) = try self.prepare() ?? self.work()
            self.giveUpUnsent()
            try self.drain()
            self.job = self.job.ended(state, note: note, at: self.world.clock.wall())
        } catch {
            if self.isElsewhere { throw error }
            // Whatever can still be noted is; the job can be resumed in any case.
            self.job = self.job.ended(.stopped, note: "\(error)", at: self.world.clock.wall())
            try? self.saveEnd()
            throw error
        }
        try self.saveEnd()
        return self.job
    }

    // MARK: - The course

    /// Bytes of letters on their way, whatever their number.
    private static let windowBytes = 24 << 20
    /// Microseconds after which a search for letters lets everything else have its turn.
    private static let searchTime: Int64 = 200_000

    /// Letters sent, those on their way among them.
    private var launched: Int {
        self.flights.reduce(self.job.counts.sent) { sum, flight in
            flight.isConfirming ? sum : sum + flight.intent.letters.count
        }
    }

    private func work() throws -> (JobRecord.State, String) {
        while true {
            try self.step(milliseconds: 0)
            try self.heartbeat(waits: false)
            self.tellProgress(always: false)
            if let end = try self.reasonToEnd() { return end }
            let launched = self.launched
            if self.job.isCanaryDue(sent: launched, isAtEnd: false), let end = try self.checkCanary(isAtEnd: false) {
                return end
            }
            if self.job.isLimitReached(sent: launched) {
                try self.drain()
                if self.job.isLimitReached(sent: self.job.counts.sent) { return try self.finish() }
                continue
            }
            guard self.flights.reduce(0, { $0 + $1.count }) < 2 * self.job.window,
                self.flights.reduce(0, { $0 + $1.bytes }) < Self.windowBytes
            else {
                try self.feed.pump()
                try self.step(milliseconds: self.isPausing ? 50 : 2)
                continue
            }
            let limit = self.world.clock.monotonic() + Self.searchTime
            let found = try self.feed.next(upTo: self.job.batchSize(sent: launched)) {
                self.isStopping() || self.world.clock.monotonic() > limit
            }
            switch found {
            case .items(let items): try self.launch(items)
            case .blocked:
                try self.drain()
                // Letters that were put aside have no outcome to wait for.
                guard try self.feed.hasReady || self.waitForOne() else {
                    self.isOutOfTime = true
                    return (.stopped, "no outcome of a letter that the next of its key waits for")
                }
            case .end:
                if !self.isStopping() { return try self.finish() }
            }
        }
    }

    private func finish() throws -> (JobRecord.State, String) {
        if let end = try self.checkCanary(isAtEnd: true) { return end }
        try self.drain()
        if self.hasGivenUp { return (.stopped, "interrupted") }
        if let milliseconds = self.waitForOutcomes { try self.waitForAll(milliseconds: milliseconds) }
        return (.finished, "")
    }

    /// A signal, or somebody's wish.
    func reasonToEnd() throws -> (JobRecord.State, String)? {
        if self.isStopping() { return (.stopped, "interrupted") }
        let now = self.world.clock.monotonic()
        guard now - (self.lastRefresh ?? .min / 2) > 200_000 else { return nil }
        self.lastRefresh = now
        try self.world.ledger.refresh()
        if let wish = self.world.ledger.ledger.controls[self.job.id], wish.at >= self.job.createdAt {
            return (.cancelled, "cancelled by \(wish.actor): \(wish.reason)")
        }
        return nil
    }

    private func checkCanary(isAtEnd: Bool) throws -> (JobRecord.State, String)? {
        try self.drain()
        guard self.job.isCanaryDue(sent: self.job.counts.sent, isAtEnd: isAtEnd) else { return nil }
        if let reason = try self.waitForCanaries() { return (.stopped, reason) }
        self.job.canaryPassed = true
        try self.save()
        return nil
    }

    // MARK: - Batches

    /// Notes what is about to be sent; it is sent when the broker has the note.
    private func launch(_ found: [ReplayItem]) throws {
        let items = self.withoutSettled(found)
        guard !items.isEmpty else { return }
        self.number += 1
        let batch = BatchRecord(
            job: self.job.id, number: self.number, phase: .intent, at: self.world.clock.wall(), topic: self.job.topic)
        let flight = Flight(batch, items: items, keepsArrivals: self.watch != nil)
        self.flights.append(flight)
        try LedgerWriter.write(flight.intent, into: &self.draft)
        try self.queueToLedger(.intent(flight: self.number))
    }

    /// Leaves out what somebody has seen to since it was chosen.
    private func withoutSettled(_ items: [ReplayItem]) -> [ReplayItem] {
        guard self.world.ledger.revision != self.revision else { return items }
        return items.filter { item in
            guard self.rules.skip(self.world.ledger.state(of: item.record)) != nil else { return true }
            self.leftOut += 1
            // The next of its row may come.
            self.feed.began(lane: item.lane)
            self.feed.ended(lane: item.lane)
            return false
        }
    }

    // MARK: - Telling

    func tellProgress(always: Bool) {
        let now = self.world.clock.monotonic()
        guard always || now - self.lastProgress > 200_000 else { return }
        self.lastProgress = now
        self.takeCounts()
        self.progress(self.job)
    }

    func takeCounts() {
        let found = self.feed.counts
        self.job.counts.scanned = found.scanned
        self.job.counts.matched = found.matched
        self.job.counts.skipped = found.skipped + self.leftOut
        self.job.counts.refused = found.refused
        self.job.counts.missing = found.missing
    }
}

extension JobRecord.Counts {
    /// Records that were read and need nothing more.
    package var settled: Int {
        let waiting = self.matched - self.sent - self.quarantined - self.skipped - self.refused - self.failed
        return max(0, self.scanned - max(0, waiting))
    }

    /// For events and tables.
    package var named: [(name: String, count: Int)] {
        [
            ("matched", self.matched), ("sent", self.sent), ("skipped", self.skipped),
            ("quarantined", self.quarantined), ("refused", self.refused), ("failed", self.failed),
            ("repeated", self.repeated), ("missing", self.missing), ("succeeded", self.succeeded),
            ("failedAgain", self.failedAgain),
        ]
    }
}
