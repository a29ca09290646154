import Commands
import JSONCoding
import Processor

/// What is done about letters without sending them again: noted in the ledger, and told on the audit topic.
///
/// Blocks; one thread uses it.
package final class LetterActions {
    private let domain: Domain
    private let ledger: LedgerStore
    private let queue: SinkQueue
    private let clock: EngineClock
    private var draft = OutgoingRecord()
    /// Letters of one record of the ledger: some 20 bytes each, at worst.
    private static let chunk = 20_000

    package init(
        domain: Domain, ledger: LedgerStore, sink: any DeadLetterSink, clock: EngineClock = .system
    ) {
        self.domain = domain
        self.ledger = ledger
        self.queue = SinkQueue(sink: sink)
        self.clock = clock
    }

    /// Who does it, and why.
    package struct Wish: Sendable {
        package var id: String
        package var actor: String
        package var reason: String
        package var filter: String
        package var topic: String

        package init(id: String, actor: String, reason: String, filter: String, topic: String) {
            self.id = id
            self.actor = actor
            self.reason = reason
            self.filter = filter
            self.topic = topic
        }
    }

    /// Notes the letters as discarded, resolved or parked again.
    ///
    /// - Parameter details: The first of them, which have an audit event each.
    package func apply(
        _ kind: ActionRecord.Kind, to letters: [LetterCoordinate], details: [DeadLetter], _ wish: Wish
    ) throws {
        let started = self.clock.wall()
        let chunks = stride(from: 0, to: letters.count, by: Self.chunk).map {
            letters[$0..<min(letters.count, $0 + Self.chunk)]
        }
        let single = letters.count == 1 ? details.first : nil
        let told = single == nil ? Array(details.prefix(AuditNote.detailed)) : []
        self.queue.begin(chunks.count + told.count + 1)
        for (number, chunk) in chunks.enumerated() {
            let action = ActionRecord(
                id: wish.id, kind: kind, at: started, actor: wish.actor, reason: wish.reason, filter: wish.filter,
                topic: wish.topic, letters: LetterSet(chunk))
            try LedgerWriter.write(action, number: number, into: &self.draft)
            try self.queue.send(self.draft, to: self.ledger.topic, number: number)
        }
        let event: AuditNote.Event =
            switch kind {
            case .discard: .discarded
            case .resolve: .succeeded
            case .restore: .deadlettered
            }
        for (number, letter) in (told + [single]).enumerated() {
            let note = AuditNote(
                event: event, action: kind.rawValue, id: wish.id, actor: wish.actor, reason: wish.reason,
                filter: wish.filter, counts: [("letters", number < told.count ? 1 : letters.count)], letter: letter,
                startedAt: started, finishedAt: self.clock.wall())
            note.write(domain: self.domain, into: &self.draft)
            try self.queue.send(self.draft, to: self.domain.auditTopic, number: chunks.count + number)
        }
        try self.finish()
    }

    /// Publishes a result as the letter's outcome: the event that its handler would have led to, with the same id.
    ///
    /// - Parameter result: JSON.
    package func publish(result: [UInt8], of letter: DeadLetter, actor: String) throws {
        guard let id = letter.id, let type = letter.type else {
            throw DeadLetterError(.conflict, "\(letter.coordinate) has no readable id and type, so it has no outcome")
        }
        self.draft.reset()
        if let key = letter.keyBytes { self.draft.setKey(key) }
        self.draft.addHeader("content-type", "application/json")
        self.draft.addHeader("ce_specversion", "1.0")
        self.draft.addHeader("ce_id", Identifier.eventID(kind: "succeeded", commandID: id))
        self.draft.addHeader("ce_source", "adjutant/\(self.domain)")
        self.draft.addHeader("ce_type", "\(type).succeeded")
        self.draft.addHeader("ce_time", RFC3339.format(self.clock.wall()))
        self.draft.addHeader("ce_subject", id)
        self.draft.addHeader("ce_causationid", id)
        self.draft.addHeader("ce_correlationid", letter.attribute(.correlationid) ?? id)
        for attribute in [Attribute.actor, .tenant, .batchid, .sagaid] {
            if let text = letter.attribute(attribute) {
                self.draft.addHeader(attribute.headerName, bytes: Array(text.utf8))
            }
        }
        self.draft.addHeader("adjutant-attempt", "\(letter.attempts ?? 0)")
        self.draft.addHeader("adjutant-resolved-by", actor)
        self.draft.setValue(result)
        self.queue.begin(1)
        try self.queue.send(self.draft, to: self.domain.resultsTopic, number: 0)
        try self.finish()
    }

    /// Asks whoever runs a job to end it, and notes a job that nobody runs as cancelled.
    package func cancel(_ job: JobRecord, isAlive: Bool, actor: String, reason: String) throws {
        let now = self.clock.wall()
        let partition = LedgerWriter.partition(of: job.id, count: self.ledger.partitions ?? 1)
        self.queue.begin(2)
        try LedgerWriter.write(
            ControlRecord(job: job.id, at: now, actor: actor, reason: reason), into: &self.draft)
        try self.queue.send(self.draft, to: self.ledger.topic, partition: partition, number: 0)
        if !isAlive {
            let ended = job.ended(.cancelled, note: "cancelled by \(actor): \(reason)", at: now)
            try LedgerWriter.write(ended, into: &self.draft)
            try self.queue.send(self.draft, to: self.ledger.topic, partition: partition, number: 1)
        }
        try self.finish()
    }

    /// Brings letters from elsewhere here.
    ///
    /// - Returns: How many the broker took.
    package func bring(
        count: Int, to topic: String, _ wish: Wish, write: (Int, inout OutgoingRecord) throws -> Void
    ) throws -> Int {
        let started = self.clock.wall()
        self.queue.begin(count)
        for number in 0..<count {
            try write(number, &self.draft)
            try self.queue.send(self.draft, to: topic, number: number)
            if number & 255 == 255 { self.queue.serve(milliseconds: 0) }
        }
        try self.queue.finish()
        let taken = self.queue.reports.count { $0 != nil && $0?.failure == nil }
        self.queue.begin(1)
        AuditNote(
            event: .deadlettered, action: "import", id: wish.id, actor: wish.actor, reason: wish.reason,
            filter: wish.filter, counts: [("letters", taken)], startedAt: started, finishedAt: self.clock.wall()
        ).write(domain: self.domain, into: &self.draft)
        try self.queue.send(self.draft, to: self.domain.auditTopic, number: 0)
        try self.finish()
        return taken
    }

    private func finish() throws {
        try self.queue.finish()
        for report in self.queue.reports {
            if let failure = report?.failure { throw failure.error }
        }
    }
}
