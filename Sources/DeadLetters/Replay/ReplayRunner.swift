import Commands
import Processor

/// Carries out one replay job.
///
/// Batch by batch: what is about to be sent is noted first, then it is sent, and when the broker has all of it, that is
/// noted together with the next batch. Whoever takes the job up after a crash sends the one batch again that was noted
/// and not confirmed, with the same ids, and nothing else twice. Blocks; one thread uses it.
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
    let domain: Domain
    let queue: SinkQueue
    var draft = OutgoingRecord()
    var feed: any LetterFeed
    var pacer: Pacer
    var watch: OutcomeWatch?
    var outcomeReader: (any DeadLetterReader)?
    var lastHeartbeat: Int64 = 0
    /// The last letter that was sent: of a job of one letter the audit tells which.
    var lastLetter: DeadLetter?
    /// The batch that the broker has and the ledger does not know of yet.
    private var confirmed: BatchRecord?
    private var number: Int
    private let started: Int64
    /// Changed data for the one letter that is replayed.
    package var editedData: [UInt8]?
    /// The id of the command with the changed data.
    package private(set) var editedID: String?
    /// Why the first letter that the broker did not take was refused.
    package private(set) var firstFailure: DeadLetterError?
    package var isStopping: () -> Bool = { false }
    /// Called now and then with how far the job is.
    package var progress: (JobRecord) -> Void = { _ in }
    /// Milliseconds to wait for outcomes after everything is sent; nil not to wait.
    package var waitForOutcomes: Int64?

    package init(job: JobRecord, world: Surroundings) throws {
        self.job = job
        self.world = world
        self.domain = world.targets.domain
        self.queue = SinkQueue(sink: world.sink)
        self.pacer = Pacer(rate: job.options.rate)
        self.number = world.ledger.ledger.lastBatch(of: job.id)
        self.started = world.clock.wall()
        let done = world.ledger.ledger.done(by: job.id)
        var known = done.letters
        known.formUnion(done.quarantined)
        for batch in world.ledger.ledger.unconfirmed(of: job.id) {
            known.formUnion(batch.letters)
            known.formUnion(batch.quarantined)
        }
        let rules = ReplayRules(filter: world.filter, options: job.options, targets: world.targets)
        let selector = FeedSelector(rules: rules, known: known, ledger: world.ledger)
        let reader = try world.source.reader([job.topic: rules.narrowed(job.ranges)])
        self.feed =
            job.options.isOrdered
            ? try OrderedFeed(reader: reader, selector: selector) : ScanFeed(reader: reader, selector: selector)
        // What an earlier run counted is counted again while the topic is read.
        let earlier = job.counts
        self.job.counts = JobRecord.Counts()
        self.job.counts.repeated = earlier.repeated
        self.job.counts.failed = earlier.failed
        self.job.counts.sent = done.letters.count
        self.job.counts.quarantined = done.quarantined.count
    }

    /// Whether outcomes matter to the job.
    private var needsOutcomes: Bool {
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
        try self.save()
        if self.needsOutcomes { try self.openWatch() }
        do {
            try self.takeUp()
            let (state, note) = try self.work()
            self.job = self.job.ended(state, note: note, at: self.world.clock.wall())
        } catch {
            // Whatever can still be noted is; the job can be resumed in any case.
            self.job = self.job.ended(.stopped, note: "\(error)", at: self.world.clock.wall())
            try? self.saveEnd()
            throw error
        }
        try self.saveEnd()
        return self.job
    }

    // MARK: - The course

    private func work() throws -> (JobRecord.State, String) {
        while true {
            if let end = try self.reasonToEnd() { return end }
            if self.job.isLimitReached(sent: self.job.counts.sent) { break }
            let size = self.job.batchSize(sent: self.job.counts.sent)
            switch try self.feed.next(upTo: size, isStopping: self.isStopping) {
            case .items(let items):
                try self.process(items)
                self.tellProgress(always: false)
                if let end = try self.checkCanary(isAtEnd: false) { return end }
            case .blocked:
                guard try self.waitForOne() else {
                    return (.stopped, "no outcome of a letter that the next of its key waits for")
                }
            case .end:
                if self.isStopping() { continue }
                if let end = try self.checkCanary(isAtEnd: true) { return end }
                return try self.finish()
            }
        }
        if let end = try self.checkCanary(isAtEnd: true) { return end }
        return try self.finish()
    }

    private func finish() throws -> (JobRecord.State, String) {
        try self.flush()
        if let milliseconds = self.waitForOutcomes { try self.waitForAll(milliseconds: milliseconds) }
        return (.finished, "")
    }

    /// A signal, or somebody's wish.
    private func reasonToEnd() throws -> (JobRecord.State, String)? {
        if self.isStopping() { return (.stopped, "interrupted") }
        try self.world.ledger.refresh()
        if let wish = self.world.ledger.ledger.controls[self.job.id], wish.at >= self.job.createdAt {
            return (.cancelled, "cancelled by \(wish.actor): \(wish.reason)")
        }
        return nil
    }

    private func checkCanary(isAtEnd: Bool) throws -> (JobRecord.State, String)? {
        guard self.job.isCanaryDue(sent: self.job.counts.sent, isAtEnd: isAtEnd) else { return nil }
        try self.flush()
        let result = try self.waitForCanaries()
        guard result == nil else { return (.stopped, result!) }
        self.job.canaryPassed = true
        try self.save()
        return self.isStopping() ? (.stopped, "interrupted") : nil
    }

    // MARK: - Batches

    /// Sends what an earlier run had noted and not confirmed: the broker may have it, or not.
    private func takeUp() throws {
        let ledger = self.world.ledger.ledger
        let done = ledger.done(by: self.job.id).letters
        if self.watch != nil, !done.isEmpty {
            try self.load(done) { letter in
                let lane = self.feed.lane(of: letter)
                self.feed.began(lane: lane)
                self.watch?.expect(tag: lane, id: letter.id, place: nil)
            }
        }
        let rules = ReplayRules(filter: self.world.filter, options: self.job.options, targets: self.world.targets)
        for batch in ledger.unconfirmed(of: self.job.id) {
            var items: [ReplayItem] = []
            var all = batch.letters
            all.formUnion(batch.quarantined)
            try self.load(all) { letter in
                let place = letter.coordinate
                let isParked = batch.quarantined.contains(partition: place.partition, offset: place.offset)
                var item = ReplayItem(letter: letter, decision: isParked ? .quarantine : rules.target(of: letter))
                guard item.target != nil || isParked else { return }
                item.lane = self.feed.lane(of: letter)
                items.append(item)
            }
            self.job.counts.repeated += items.count
            try self.send(items, as: batch)
            try self.flush()
        }
    }

    private func process(_ items: [ReplayItem]) throws {
        self.number += 1
        var batch = BatchRecord(
            job: self.job.id, number: self.number, phase: .intent, at: self.world.clock.wall(), topic: self.job.topic)
        for item in items {
            let record = item.letter.record
            if item.target == nil {
                batch.quarantined.insert(partition: record.partition, offset: record.offset)
            } else {
                batch.letters.insert(partition: record.partition, offset: record.offset)
            }
        }
        try self.note(confirmed: self.confirmed, intent: batch)
        self.confirmed = nil
        try self.send(items, as: batch)
    }

    private func send(_ items: [ReplayItem], as batch: BatchRecord) throws {
        self.queue.begin(items.count)
        for (index, item) in items.enumerated() {
            try self.write(item)
            try self.keepPace(item)
            try self.queue.send(
                self.draft, to: item.target?.topic ?? self.domain.parkedLettersTopic,
                partition: item.target?.partition ?? -1, number: index, pump: self.feed.pump)
            if item.target != nil { self.pacer.sent(at: self.world.clock.monotonic()) }
            if index & 255 == 255 {
                self.queue.serve(milliseconds: 0)
                try self.feed.pump()
            }
        }
        try self.queue.finish(pump: self.feed.pump)
        var done = BatchRecord(
            job: batch.job, number: batch.number, phase: .done, at: self.world.clock.wall(), topic: batch.topic)
        for (item, report) in zip(items, self.queue.reports) {
            let record = item.letter.record
            self.feed.began(lane: item.lane)
            guard let report, report.failure == nil else {
                self.job.counts.failed += 1
                self.firstFailure = self.firstFailure ?? report?.failure?.error
                self.feed.ended(lane: item.lane)
                continue
            }
            guard let target = item.target else {
                done.quarantined.insert(partition: record.partition, offset: record.offset)
                self.job.counts.quarantined += 1
                self.feed.ended(lane: item.lane)
                continue
            }
            done.letters.insert(partition: record.partition, offset: record.offset)
            self.job.counts.sent += 1
            self.lastLetter = item.letter
            self.watch?.expect(
                tag: item.lane, id: self.editedID ?? item.letter.id,
                place: LetterCoordinate(topic: target.topic, partition: report.partition, offset: report.offset))
        }
        self.confirmed = done
        self.world.ledger.note(done)
    }

    private func write(_ item: ReplayItem) throws {
        if item.target == nil {
            ReplayWriter.quarantine(item.letter, at: self.world.clock.wall(), into: &self.draft)
        } else if let data = self.editedData {
            self.editedID = ReplayWriter.edited(item.letter, data: data, into: &self.draft)
        } else {
            ReplayWriter.replay(item.letter, into: &self.draft)
        }
    }

    /// Waits until it is the letter's time.
    private func keepPace(_ item: ReplayItem) throws {
        guard item.target != nil else { return }
        while true {
            let delay = self.pacer.delay(at: self.world.clock.monotonic())
            guard delay > 0 else { return }
            try self.feed.pump()
            self.queue.serve(milliseconds: Int(min(delay, 20_000) + 999) / 1000)
            self.tellProgress(always: false)
        }
    }

    // MARK: - The ledger

    /// Notes the last batch as done, if it is not noted yet.
    func flush() throws {
        guard let batch = self.confirmed else { return }
        try self.note(confirmed: batch, intent: nil)
        self.confirmed = nil
    }

    private func note(confirmed: BatchRecord?, intent: BatchRecord?) throws {
        self.queue.begin(3)
        if let confirmed {
            try LedgerWriter.write(confirmed, into: &self.draft)
            try self.sendToLedger(number: 0)
        }
        if let intent {
            try LedgerWriter.write(intent, into: &self.draft)
            try self.sendToLedger(number: 1)
        }
        if self.world.clock.monotonic() - self.lastHeartbeat > 10_000_000 { try self.queueJob(number: 2) }
        try self.finishLedger()
    }

    /// Tells others that the job goes on, now and then.
    func heartbeat() throws {
        guard self.world.clock.monotonic() - self.lastHeartbeat > 10_000_000 else { return }
        try self.save()
    }

    private func save() throws {
        self.queue.begin(1)
        try self.queueJob(number: 0)
        try self.finishLedger()
    }

    private func saveEnd() throws {
        self.takeCounts()
        self.queue.begin(3)
        if let confirmed {
            try LedgerWriter.write(confirmed, into: &self.draft)
            try self.sendToLedger(number: 0)
        }
        try self.queueJob(number: 1)
        self.auditNote().write(domain: self.domain, into: &self.draft)
        try self.queue.send(self.draft, to: self.domain.auditTopic, number: 2)
        try self.finishLedger()
        self.confirmed = nil
        self.tellProgress(always: true)
    }

    private func queueJob(number: Int) throws {
        self.lastHeartbeat = self.world.clock.monotonic()
        self.takeCounts()
        if self.job.state == .running { self.job.updatedAt = self.world.clock.wall() }
        self.world.ledger.note(self.job)
        try LedgerWriter.write(self.job, into: &self.draft)
        try self.sendToLedger(number: number)
    }

    private func sendToLedger(number: Int) throws {
        let partition = LedgerWriter.partition(of: self.job.id, count: self.world.ledger.partitions ?? 1)
        try self.queue.send(self.draft, to: self.world.ledger.topic, partition: partition, number: number)
    }

    /// Nothing of a ledger may fail: without it a crash would repeat everything.
    private func finishLedger() throws {
        try self.queue.finish()
        for report in self.queue.reports {
            if let failure = report?.failure { throw failure.error }
        }
    }

    private func takeCounts() {
        let found = self.feed.counts
        self.job.counts.scanned = found.scanned
        self.job.counts.matched = found.matched
        self.job.counts.skipped = found.skipped
        self.job.counts.refused = found.refused
        self.job.counts.missing = found.missing
    }

    private var lastProgress: Int64 = 0

    func tellProgress(always: Bool) {
        let now = self.world.clock.monotonic()
        guard always || now - self.lastProgress > 200_000 else { return }
        self.lastProgress = now
        self.takeCounts()
        self.progress(self.job)
    }

    private func auditNote() -> AuditNote {
        let counts = self.job.counts
        let isSingle = counts.sent == 1 && counts.quarantined == 0
        return AuditNote(
            event: .replayed, action: self.editedData == nil ? "replay" : "edit and replay", id: self.job.id,
            actor: self.job.options.actor, reason: self.job.options.reason, filter: self.job.options.filter,
            counts: counts.named, letter: isSingle ? self.lastLetter : nil, state: self.job.state.rawValue,
            startedAt: self.started, finishedAt: self.job.updatedAt)
    }
}

extension JobRecord.Counts {
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
