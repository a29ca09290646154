import Commands
import Processor

extension ReplayRunner {
    /// Takes in what the broker says, sends what is noted, and notes what has arrived.
    func step(milliseconds: Int) throws {
        self.serve(milliseconds: milliseconds)
        while let index = self.nextToSend { try self.send(index) }
        for index in self.flights.indices
        where self.flights[index].isSent && self.flights[index].open == 0 && !self.flights[index].isConfirming {
            if !self.flights[index].isAudited { try self.audit(index) }
            if self.flights[index].openAudits == 0 { try self.settle(index) }
        }
        self.flights.removeAll { $0.isConfirming && $0.isConfirmed }
        if let failure = self.failure { throw failure }
    }

    /// The oldest flight that is not sent, once it is noted and the window has room for it.
    private var nextToSend: Int? {
        guard let next = self.flights.firstIndex(where: { !$0.isSent }), self.flights[next].isNoted else { return nil }
        guard !self.isPausing else { return nil }
        let sent = self.flights[..<next].reduce(0) { $0 + $1.count }
        return next == 0 || sent + self.flights[next].count <= self.job.window ? next : nil
    }

    /// Whether the next letter's time is so far away that everything else goes on until then.
    var isPausing: Bool {
        !self.pacer.isUnlimited && self.pacer.delay(at: self.world.clock.monotonic()) > 100_000
    }

    /// Takes the notes back of batches that are not sent: their letters stay parked, and whoever resumes the job chooses
    /// them anew.
    func giveUpUnsent() {
        for index in self.flights.indices where !self.flights[index].isSent {
            self.flights[index].giveUp()
            self.hasGivenUp = true
        }
    }

    /// Waits until everything that was noted is sent, has arrived, and is noted as such.
    ///
    /// - Parameter givesUp: Whether somebody who stops the job need not wait for letters whose time is far away.
    func drain(givesUp: Bool = true) throws {
        while !self.flights.isEmpty {
            if givesUp, self.isPausing, self.isStopping() { self.giveUpUnsent() }
            self.sink.hurry()
            try self.step(milliseconds: 10)
            try self.heartbeat()
        }
    }

    func serve(milliseconds: Int) {
        self.sink.serve(milliseconds: milliseconds) { self.take($0) }
    }

    private func take(_ report: SinkReport) {
        switch Flight.Token(report.token) {
        case .job:
            self.openNotes -= 1
            // Nothing of a ledger may fail: without it a crash would repeat everything.
            self.failure = self.failure ?? report.failure?.error
        case .intent(let number):
            self.failure = self.failure ?? report.failure?.error
            self.change(number) { $0.isNoted = report.failure == nil }
        case .done(let number):
            self.failure = self.failure ?? report.failure?.error
            self.change(number) { $0.isConfirmed = report.failure == nil }
        case .letter(let number, let index):
            if let failure = report.failure, !failure.isOfRecord { self.failure = self.failure ?? failure.error }
            self.change(number) { $0.take(report, index: index) }
        }
    }

    private func change(_ number: Int, _ body: (inout Flight) -> Void) {
        guard let index = self.flights.firstIndex(where: { $0.number == number }) else { return }
        body(&self.flights[index])
    }

    // MARK: - Letters

    private func send(_ position: Int) throws {
        self.flights[position].isSent = true
        let (number, items) = (self.flights[position].number, self.flights[position].items)
        var draft = OutgoingRecord()
        for (index, item) in items.enumerated() {
            try self.keepPace(item)
            self.write(item, into: &draft)
            try self.queue(
                draft, to: item.target?.topic ?? self.domain.parkedLettersTopic,
                partition: item.target?.partition ?? -1, .letter(flight: number, index: index))
            if item.target != nil, !self.pacer.isUnlimited { self.pacer.sent(at: self.world.clock.monotonic()) }
            if index & 511 == 511 { self.serve(milliseconds: 0) }
        }
        if !self.needsLetters { self.flights[position].forgetItems() }
    }

    /// Whether letters matter that are sent: their outcomes, or what is told of them.
    private var needsLetters: Bool {
        self.watch != nil || self.job.options.isOrdered || self.editedData != nil || self.audited < AuditNote.detailed
    }

    private func write(_ item: ReplayItem, into draft: inout OutgoingRecord) {
        if item.target == nil {
            ReplayWriter.quarantine(item.letter, at: self.world.clock.wall(), into: &draft)
        } else if let data = self.editedData {
            self.editedID = ReplayWriter.edited(item.letter, data: data, into: &draft)
        } else {
            ReplayWriter.replay(item.record, replays: item.replays, into: &draft)
        }
    }

    /// Waits until it is the letter's time.
    private func keepPace(_ item: ReplayItem) throws {
        guard item.target != nil, !self.pacer.isUnlimited else { return }
        while true {
            let delay = self.pacer.delay(at: self.world.clock.monotonic())
            guard delay > 0 else { return }
            try self.feed.pump()
            self.serve(milliseconds: Int(min(delay, 20_000) + 999) / 1000)
            self.tellProgress(always: false)
        }
    }

    /// The broker has the flight: what follows from it, and the note of it.
    private func settle(_ position: Int) throws {
        let flight = self.flights[position]
        let done = flight.done(at: self.world.clock.wall())
        self.job.counts.sent += done.letters.count
        self.job.counts.quarantined += done.quarantined.count
        self.job.counts.failed += flight.failures.count
        if let first = flight.failures.min(by: { $0.key < $1.key }) {
            self.firstFailure = self.firstFailure ?? first.value.error
        }
        if self.watch != nil || self.job.options.isOrdered { self.follow(flight) }
        self.flights[position].isConfirming = true
        try LedgerWriter.write(done, into: &self.draft)
        try self.queueToLedger(.done(flight: flight.number))
    }

    /// Awaits the outcomes of what has arrived; a row whose letter has not is free again.
    private func follow(_ flight: Flight) {
        for (index, item) in flight.items.enumerated() {
            self.feed.began(lane: item.lane)
            guard let target = item.target, flight.failures[index] == nil else {
                self.feed.ended(lane: item.lane)
                continue
            }
            guard self.watch != nil else { continue }
            let place = flight.arrivals[index]
            self.watch?.expect(
                tag: item.lane, id: self.editedID ?? item.letter.id,
                place: LetterCoordinate(topic: target.topic, partition: place.partition, offset: place.offset))
        }
    }

    // MARK: - Sending

    /// Queues a record; waits while there is no room.
    private func queue(
        _ record: borrowing OutgoingRecord, to topic: String, partition: Int32 = -1, _ token: Flight.Token
    ) throws {
        do {
            while try !self.sink.send(record, to: topic, partition: partition, token: token.number) {
                self.serve(milliseconds: 5)
                if let failure = self.failure { throw failure }
            }
        } catch let failure as SinkFailure {
            guard failure.isOfRecord, case .letter(let number, let index) = token else { throw failure.error }
            let report = SinkReport(token: token.number, partition: -1, offset: -1, failure: failure)
            self.change(number) { $0.take(report, index: index) }
        }
    }

    func queueToLedger(_ token: Flight.Token) throws {
        let partition = LedgerWriter.partition(of: self.job.id, count: self.world.ledger.partitions ?? 1)
        try self.queue(self.draft, to: self.world.ledger.topic, partition: partition, token)
    }

    // MARK: - The job's own record

    private func queueJob() throws {
        self.lastHeartbeat = self.world.clock.monotonic()
        self.takeCounts()
        if self.job.state == .running { self.job.updatedAt = self.world.clock.wall() }
        try self.queueJob(self.job)
    }

    private func queueJob(_ job: JobRecord) throws {
        try LedgerWriter.write(job, into: &self.draft)
        try self.queueToLedger(.job)
        self.openNotes += 1
    }

    private func finishNotes() throws {
        self.sink.hurry()
        while self.openNotes > 0, self.failure == nil { self.serve(milliseconds: 10) }
        if let failure = self.failure { throw failure }
    }

    func save() throws {
        try self.queueJob()
        try self.finishNotes()
    }

    /// Notes a job as somebody else had noted it.
    func save(_ other: JobRecord) throws {
        try self.queueJob(other)
        try self.finishNotes()
    }

    /// Tells others that the job goes on, now and then.
    ///
    /// - Parameter waits: Until that is noted.
    func heartbeat(waits: Bool = true) throws {
        guard self.world.clock.monotonic() - self.lastHeartbeat > 10_000_000 else { return }
        if waits { try self.save() } else { try self.queueJob() }
    }

    func saveEnd() throws {
        if let failure = self.failure { throw failure }
        self.takeCounts()
        self.auditNote().write(domain: self.domain, into: &self.draft)
        try self.queue(self.draft, to: self.domain.auditTopic, .job)
        self.openNotes += 1
        try self.finishNotes()
        // Last: a job that has ended has left its trace.
        try self.save()
        self.tellProgress(always: true)
    }

    private func auditNote() -> AuditNote {
        self.auditNote(of: self.onlyLetter, counts: self.job.counts.named, state: self.job.state.rawValue)
    }

    private func auditNote(
        of letter: DeadLetter?, counts: [(name: String, count: Int)], state: String? = nil
    ) -> AuditNote {
        AuditNote(
            event: .replayed, action: self.editedData == nil ? "replay" : "edit and replay", id: self.job.id,
            actor: self.job.options.actor, reason: self.job.options.reason, filter: self.job.options.filter,
            counts: counts, letter: letter, state: state, startedAt: self.started,
            finishedAt: self.world.clock.wall())
    }

    /// The first letters of a job have an event each, sent before their arrival is noted.
    private func audit(_ position: Int) throws {
        self.flights[position].isAudited = true
        let flight = self.flights[position]
        guard self.audited < AuditNote.detailed else { return }
        var letters = Array(
            flight.items.enumerated().lazy
                .filter { $0.element.target != nil && flight.failures[$0.offset] == nil }
                .prefix(AuditNote.detailed).map(\.element.letter))
        guard let first = letters.first else { return }
        if self.job.counts.sent == 0, letters.count == 1 {
            self.onlyLetter = first
            return
        }
        if let onlyLetter { letters.insert(onlyLetter, at: 0) }
        self.onlyLetter = nil
        letters = Array(letters.prefix(AuditNote.detailed - self.audited))
        self.audited += letters.count
        self.flights[position].openAudits = letters.count
        for (number, letter) in letters.enumerated() {
            self.auditNote(of: letter, counts: [("letters", 1)]).write(domain: self.domain, into: &self.draft)
            try self.queue(
                self.draft, to: self.domain.auditTopic, .letter(flight: flight.number, index: flight.count + number))
        }
    }
}
