import Commands

/// A letter that a replay sends, or puts aside: no more than that takes, since many are on their way at once.
struct ReplayItem: Sendable {
    let record: Record
    /// How often it was replayed before.
    let replays: Int
    /// Where it goes; nil for the parked letters.
    private(set) var target: (topic: String, partition: Int32)?
    /// Which row of letters it stands in when they are sent in order; negative for none.
    var lane = -1

    init(letter: DeadLetter, decision: ReplayDecision) {
        self.record = letter.record
        self.replays = letter.replays
        if case .send(let topic, let partition) = decision { self.target = (topic, partition) }
    }

    /// Its headers, read again.
    var letter: DeadLetter { DeadLetter(self.record) }
}

/// What comes next of a job's letters.
enum FeedResult {
    /// Perhaps none, when none was found in time.
    case items([ReplayItem])
    /// More will come when outcomes are known.
    case blocked
    case end
}

/// Finds a job's letters and hands them over in batches. Blocks; one thread uses it.
protocol LetterFeed: AnyObject {
    /// Matched, skipped, refused and missing letters so far.
    var counts: JobRecord.Counts { get }
    /// Reads ahead without waiting.
    func pump() throws
    /// Reads what must be known before the first letter can go.
    ///
    /// - Parameter turn: Called now and then; false to stop.
    func prepare(turn: () throws -> Bool) throws
    /// - Parameter isEnough: Whether to return with what there is, be it nothing.
    func next(upTo count: Int, isEnough: () -> Bool) throws -> FeedResult
    /// Whether there is something to send without another outcome.
    var hasReady: Bool { get }
    /// The row that a letter stands in; negative for none.
    func lane(of letter: DeadLetter) -> Int
    /// A letter of the row is on its way.
    func began(lane: Int)
    /// Its outcome is known.
    func ended(lane: Int)
    func close()
}

/// How a job's letters are chosen while the topic is read.
struct FeedSelector {
    var rules: ReplayRules
    /// Letters that the job has sent or put aside before, or whose batch was taken up again.
    let known: LetterSet
    let ledger: LedgerStore
    private(set) var counts = JobRecord.Counts()
    /// What was refused, for messages: topics that are not declared.
    private(set) var undeclared: Set<String> = []
    /// Records that were gone before anybody read them again.
    private let gone: Int

    init(rules: ReplayRules, known: LetterSet, ledger: LedgerStore, trimmed: TrimmedRanges) {
        self.rules = rules
        self.known = known
        self.ledger = ledger
        self.gone = trimmed.missing
        self.counts.scanned = trimmed.known
        self.counts.matched = trimmed.known
        self.counts.missing = trimmed.missing
    }

    mutating func select(_ record: Record) -> ReplayItem? { self.select(DeadLetter(record)) }

    mutating func select(_ letter: DeadLetter) -> ReplayItem? {
        self.counts.scanned += 1
        let record = letter.record
        if !self.known.isEmpty, self.known.contains(partition: record.partition, offset: record.offset) {
            self.counts.matched += 1
            self.rules.remember(letter)
            return nil
        }
        guard let decision = self.rules.decide(letter, self.ledger.state(of: letter)) else { return nil }
        self.counts.matched += 1
        switch decision {
        case .send, .quarantine: return ReplayItem(letter: letter, decision: decision)
        case .skip: self.counts.skipped += 1
        case .refuse: self.counts.refused += 1
        }
        return nil
    }

    mutating func noteMissing(_ count: Int) { self.counts.missing = self.gone + count }
}
