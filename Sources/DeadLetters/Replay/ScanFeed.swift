import Commands

/// Letters as the topic has them, read while others are on their way.
final class ScanFeed: LetterFeed {
    private let reader: any DeadLetterReader
    private var selector: FeedSelector
    private var waiting: [ReplayItem] = []
    private var bytes = 0
    private var records: [Record] = []
    /// What may wait here: about half of what a batch has.
    private let limit = (letters: 8192, bytes: 8 << 20)

    init(reader: any DeadLetterReader, selector: FeedSelector) {
        self.reader = reader
        self.selector = selector
    }

    var counts: JobRecord.Counts { self.selector.counts }

    func pump() throws { try self.read(milliseconds: 0) }

    private var isFull: Bool { self.waiting.count >= self.limit.letters || self.bytes >= self.limit.bytes }

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

    func prepare(turn: () throws -> Bool) throws {}

    func next(upTo count: Int, isEnough: () -> Bool) throws -> FeedResult {
        while self.waiting.count < count, !self.isFull, !self.reader.isComplete, !isEnough() {
            try self.read(milliseconds: 50)
        }
        guard !self.waiting.isEmpty else { return self.reader.isComplete ? .end : .items([]) }
        var items: [ReplayItem] = []
        swap(&items, &self.waiting)
        if items.count > count {
            self.waiting = Array(items[count...])
            items.removeSubrange(count...)
        }
        self.bytes -= items.reduce(0) { $0 + $1.record.bytes.count }
        return .items(items)
    }

    var hasReady: Bool { true }
    func lane(of letter: DeadLetter) -> Int { -1 }
    func began(lane: Int) {}
    func ended(lane: Int) {}
    func close() { self.reader.close() }
}
