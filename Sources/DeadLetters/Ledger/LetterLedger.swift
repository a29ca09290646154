import Commands

/// What was done about dead letters, folded from the records of `D.dlt.jobs`: of each key the last one counts.
///
/// The fold does not rest on compaction, which drops earlier records sooner or later and never at once, nor on the order
/// of records of different keys.
package struct LetterLedger: Sendable {
    /// What counts for one letter: the latest thing done.
    private struct Mark {
        var at: Int64
        var state: LetterState
    }

    private struct Place: Hashable {
        var topic: String
        var partition: Int32
    }

    package private(set) var jobs: [String: JobRecord] = [:]
    package private(set) var batches: [String: [Int: BatchRecord]] = [:]
    package private(set) var actions: [ActionRecord] = []
    package private(set) var controls: [String: ControlRecord] = [:]
    /// Records that are none of ours or cannot be read.
    package private(set) var unreadable = 0
    /// Grows whenever something was done about letters.
    package private(set) var revision = 0
    private var marks: [Place: [Int64: Mark]] = [:]

    package init() {}

    // MARK: - Folding

    /// - Returns: The job, if the record is one.
    @discardableResult
    package mutating func apply(_ record: Record) -> JobRecord? {
        let entry = LedgerEntry(record)
        switch entry {
        case .job(let job): self.apply(job)
        case .batch(let batch): self.apply(batch)
        case .action(let action): self.apply(action)
        case .control(let control): self.controls[control.job] = control
        case nil: self.unreadable += 1
        }
        if case .job(let job) = entry { return job }
        return nil
    }

    package mutating func apply(_ batch: BatchRecord) {
        self.batches[batch.job, default: [:]][batch.number] = batch
        guard batch.phase == .done else { return }
        self.mark(batch.letters, batch.topic, .replayed, batch.at)
        self.mark(batch.quarantined, batch.topic, .quarantined, batch.at)
    }

    package mutating func apply(_ action: ActionRecord) {
        self.actions.append(action)
        self.mark(action.letters, action.topic, action.kind.state, action.at)
    }

    package mutating func apply(_ job: JobRecord) { self.jobs[job.id] = job }

    private mutating func mark(_ letters: LetterSet, _ topic: String, _ state: LetterState, _ moment: Int64) {
        self.revision += 1
        for (partition, runs) in letters.runs {
            var marks = self.marks.removeValue(forKey: Place(topic: topic, partition: partition)) ?? [:]
            for run in runs {
                for offset in run.start..<run.end where (marks[offset]?.at ?? .min) <= moment {
                    marks[offset] = Mark(at: moment, state: state)
                }
            }
            self.marks[Place(topic: topic, partition: partition)] = marks
        }
    }

    // MARK: - Asking

    /// Microseconds that a letter may be younger than what was done to its place.
    package static let slack: Int64 = 600_000_000

    /// What became of a letter.
    ///
    /// A letter that is younger than what was done to its place is another one: the topic was made anew. Ten minutes are
    /// left for clocks that differ.
    package func state(of letter: DeadLetter) -> LetterState { self.state(of: letter.record) }

    func state(of record: Record) -> LetterState {
        guard !self.marks.isEmpty,
            let marks = self.marks[Place(topic: record.topic, partition: record.partition)],
            let mark = marks[record.offset]
        else { return .parked }
        let time = record.timestamp
        return time > 0 && time &* 1000 > mark.at &+ Self.slack ? .parked : mark.state
    }

    /// What a job has sent or quarantined for certain, in batches after the one of that number.
    package func done(by job: String, after number: Int = 0) -> (letters: LetterSet, quarantined: LetterSet) {
        var letters = LetterSet()
        var quarantined = LetterSet()
        for batch in (self.batches[job] ?? [:]).values.sorted(by: { $0.number < $1.number })
        where batch.phase == .done && batch.number > number {
            letters.formUnion(batch.letters)
            quarantined.formUnion(batch.quarantined)
        }
        return (letters, quarantined)
    }

    /// Batches that were noted and never confirmed: nobody knows whether they were sent.
    package func unconfirmed(of job: String) -> [BatchRecord] {
        (self.batches[job] ?? [:]).values.filter { $0.phase == .intent }.sorted { $0.number < $1.number }
    }

    package func lastBatch(of job: String) -> Int { self.batches[job]?.keys.max() ?? 0 }

    /// What was done to one letter, in the order of time.
    package func history(of letter: LetterCoordinate) -> [LetterEvent] {
        var events: [LetterEvent] = []
        for action in self.actions
        where action.topic == letter.topic
            && action.letters.contains(partition: letter.partition, offset: letter.offset)
        {
            events.append(
                LetterEvent(at: action.at, what: action.kind.rawValue, actor: action.actor, reason: action.reason))
        }
        for batch in self.batches.values.flatMap(\.values) where batch.topic == letter.topic {
            let options = self.jobs[batch.job]?.options
            let what: String? =
                if batch.letters.contains(partition: letter.partition, offset: letter.offset) {
                    batch.phase == .done ? "replay" : "replay, unconfirmed"
                } else if batch.quarantined.contains(partition: letter.partition, offset: letter.offset) {
                    batch.phase == .done ? "quarantine" : "quarantine, unconfirmed"
                } else {
                    nil
                }
            guard let what else { continue }
            events.append(
                LetterEvent(
                    at: batch.at, what: what, actor: options?.actor ?? "", reason: options?.reason ?? "",
                    job: batch.job))
        }
        return events.sorted { $0.at < $1.at }
    }
}

/// Something that was done to a letter.
package struct LetterEvent: Sendable, Hashable {
    /// Microseconds since 1970.
    package var at: Int64
    package var what: String
    package var actor: String
    package var reason: String
    package var job: String?
}
