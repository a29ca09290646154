import Commands

/// A letter that a replay sends, or puts aside.
struct ReplayItem: Sendable {
    var letter: DeadLetter
    /// Where it goes; nil for the parked letters.
    var target: (topic: String, partition: Int32)?
    /// Which row of letters it stands in when they are sent in order; negative for none.
    var lane = -1

    init(letter: DeadLetter, decision: ReplayDecision) {
        self.letter = letter
        if case .send(let topic, let partition) = decision { self.target = (topic, partition) }
    }
}

/// What comes next of a job's letters.
enum FeedResult {
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
    func next(upTo count: Int, isStopping: () -> Bool) throws -> FeedResult
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

    init(rules: ReplayRules, known: LetterSet, ledger: LedgerStore) {
        self.rules = rules
        self.known = known
        self.ledger = ledger
    }

    mutating func select(_ record: Record) -> ReplayItem? {
        self.counts.scanned += 1
        let letter = DeadLetter(record)
        if self.known.contains(partition: record.partition, offset: record.offset) {
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

    mutating func noteMissing(_ count: Int) { self.counts.missing = count }
}

/// Letters as the topic has them, read while others are on their way.
final class ScanFeed: LetterFeed {
    private let reader: any DeadLetterReader
    private var selector: FeedSelector
    private var waiting: [ReplayItem] = []
    private var taken = 0
    private var bytes = 0
    private var records: [Record] = []
    /// Bytes of letters that wait here, and so about half of what a batch has.
    private let byteLimit = 8 << 20

    init(reader: any DeadLetterReader, selector: FeedSelector) {
        self.reader = reader
        self.selector = selector
    }

    var counts: JobRecord.Counts { self.selector.counts }

    func pump() throws { try self.read(milliseconds: 0) }

    private var isFull: Bool { self.waiting.count - self.taken >= 8192 || self.bytes >= self.byteLimit }

    private func read(milliseconds: Int) throws {
        guard !self.isFull, !self.reader.isComplete else { return }
        self.records.removeAll(keepingCapacity: true)
        try self.reader.read(milliseconds: milliseconds, into: &self.records)
        for record in self.records {
            guard let item = self.selector.select(record) else { continue }
            self.bytes += record.bytes.count
            self.waiting.append(item)
        }
        self.selector.noteMissing(self.reader.missing)
    }

    func next(upTo count: Int, isStopping: () -> Bool) throws -> FeedResult {
        while self.waiting.count - self.taken < count, !self.isFull, !self.reader.isComplete, !isStopping() {
            try self.read(milliseconds: 50)
        }
        let end = min(self.waiting.count, self.taken + count)
        guard end > self.taken else { return .end }
        let items = Array(self.waiting[self.taken..<end])
        self.bytes -= items.reduce(0) { $0 + $1.letter.record.bytes.count }
        self.taken = end
        if self.taken > 4096 || self.taken == self.waiting.count {
            self.waiting.removeFirst(self.taken)
            self.taken = 0
        }
        return .items(items)
    }

    var hasReady: Bool { true }
    func lane(of letter: DeadLetter) -> Int { -1 }
    func began(lane: Int) {}
    func ended(lane: Int) {}
    func close() { self.reader.close() }
}

/// Letters in rows, one for each key: the next of a row comes when the outcome of the one before is known.
///
/// The letters of a row stand in the order in which their commands first came, which the topic need not have: one that was
/// tried often came to it late. So all of them are held in memory.
final class OrderedFeed: LetterFeed {
    private struct Row {
        var items: [ReplayItem] = []
        var next = 0
        /// Letters on their way.
        var busy = 0
    }

    private var rows: [Row] = []
    private var lanes: [[UInt8]: Int] = [:]
    /// Rows that have something to send, in turn.
    private var ready: [Int] = []
    private let result: JobRecord.Counts

    /// - Parameter byteLimit: What may be held.
    init(reader: any DeadLetterReader, selector: FeedSelector, byteLimit: Int = 128 << 20) throws {
        defer { reader.close() }
        var selector = selector
        var bytes = 0
        var records: [Record] = []
        var rows: [Row] = []
        var lanes: [[UInt8]: Int] = [:]
        while !reader.isComplete {
            records.removeAll(keepingCapacity: true)
            try reader.read(milliseconds: 100, into: &records)
            for record in records {
                guard var item = selector.select(record) else { continue }
                bytes += record.bytes.count
                guard bytes <= byteLimit else {
                    throw DeadLetterError(
                        .conflict,
                        "an ordered replay holds its letters in memory, and these have more than \(byteLimit >> 20) MiB: "
                            + "choose fewer with --filter")
                }
                item.lane = Self.lane(of: item.letter, &lanes, &rows)
                rows[item.lane].items.append(item)
            }
        }
        selector.noteMissing(reader.missing)
        for index in rows.indices { rows[index].items.sort { Self.isBefore($0.letter, $1.letter) } }
        self.result = selector.counts
        self.rows = rows
        self.lanes = lanes
        self.ready = Array(rows.indices)
    }

    var counts: JobRecord.Counts { self.result }

    /// Where they came from decides, if that is the same partition; else when they first failed, then where they lie.
    private static func isBefore(_ left: DeadLetter, _ right: DeadLetter) -> Bool {
        if let a = left.origin, let b = right.origin, a.topic == b.topic, a.partition == b.partition, a != b {
            return a.offset < b.offset
        }
        let (a, b) = (left.firstFailedAt ?? left.failedAt, right.firstFailedAt ?? right.failedAt)
        return a != b ? a < b : left.coordinate < right.coordinate
    }

    /// A letter without a key has a row of its own.
    private static func lane(of letter: DeadLetter, _ lanes: inout [[UInt8]: Int], _ rows: inout [Row]) -> Int {
        let key = letter.keyBytes.map { [1] + Array($0) } ?? [0] + Array(letter.coordinate.description.utf8)
        if let lane = lanes[key] { return lane }
        lanes[key] = rows.count
        rows.append(Row())
        return rows.count - 1
    }

    func pump() throws {}

    func next(upTo count: Int, isStopping: () -> Bool) throws -> FeedResult {
        var items: [ReplayItem] = []
        var later: [Int] = []
        for lane in self.ready {
            let row = self.rows[lane]
            guard row.next < row.items.count, row.busy == 0 else { continue }
            guard items.count < count else {
                later.append(lane)
                continue
            }
            items.append(row.items[row.next])
            self.rows[lane].next += 1
        }
        self.ready = later
        if !items.isEmpty { return .items(items) }
        let isLeft = self.rows.contains { $0.next < $0.items.count }
        return isLeft ? .blocked : .end
    }

    var hasReady: Bool {
        self.ready.contains { self.rows[$0].busy == 0 && self.rows[$0].next < self.rows[$0].items.count }
    }

    func lane(of letter: DeadLetter) -> Int {
        let before = self.rows.count
        let lane = Self.lane(of: letter, &self.lanes, &self.rows)
        if self.rows.count > before { self.ready.append(lane) }
        return lane
    }

    func began(lane: Int) {
        if lane >= 0 { self.rows[lane].busy += 1 }
    }

    func ended(lane: Int) {
        guard lane >= 0 else { return }
        self.rows[lane].busy -= 1
        if self.rows[lane].busy == 0 { self.ready.append(lane) }
    }

    func close() {}
}
