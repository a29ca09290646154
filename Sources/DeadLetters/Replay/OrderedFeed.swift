import Commands

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
        /// It stands among those that have something to send.
        var isListed = true
    }

    /// What a letter's turn depends on.
    private struct Place {
        /// The letter's, in its row as it was read.
        var number: Int
        private var origin: LetterCoordinate?
        private var failedAt: Int64
        private var coordinate: LetterCoordinate

        init(_ letter: DeadLetter, number: Int) {
            self.number = number
            self.origin = letter.origin
            self.failedAt = letter.firstFailedAt ?? letter.failedAt
            self.coordinate = letter.coordinate
        }

        /// Where they came from decides, if that is the same partition; else when they first failed, then where they lie.
        static func isBefore(_ left: Place, _ right: Place) -> Bool {
            if let a = left.origin, let b = right.origin, a.topic == b.topic, a.partition == b.partition, a != b {
                return a.offset < b.offset
            }
            return left.failedAt != right.failedAt
                ? left.failedAt < right.failedAt : left.coordinate < right.coordinate
        }
    }

    private var rows: [Row] = []
    private var lanes: [[UInt8]: Int] = [:]
    /// Rows that have something to send, in turn.
    private var ready: [Int] = []
    private let reader: any DeadLetterReader
    private var selector: FeedSelector
    private let byteLimit: Int

    /// - Parameter byteLimit: What may be held.
    init(reader: any DeadLetterReader, selector: FeedSelector, byteLimit: Int = 128 << 20) {
        self.reader = reader
        self.selector = selector
        self.byteLimit = byteLimit
    }

    var counts: JobRecord.Counts { self.selector.counts }

    func prepare(turn: () throws -> Bool) throws {
        var bytes = 0
        var records: [Record] = []
        // Beside the rows: where each letter stands among its row.
        var places: [[Place]] = []
        while !self.reader.isComplete, try turn() {
            records.removeAll(keepingCapacity: true)
            try self.reader.read(milliseconds: 100, into: &records)
            for record in records {
                let letter = DeadLetter(record)
                guard var item = self.selector.select(letter) else { continue }
                bytes += record.bytes.count
                guard bytes <= self.byteLimit else {
                    throw DeadLetterError(
                        .conflict,
                        "an ordered replay holds its letters in memory, and these have more than "
                            + "\(self.byteLimit >> 20) MiB: choose fewer with --filter")
                }
                item.lane = self.lane(of: letter)
                if item.lane == places.count { places.append([]) }
                places[item.lane].append(Place(letter, number: self.rows[item.lane].items.count))
                self.rows[item.lane].items.append(item)
            }
            self.selector.noteMissing(self.reader.missing)
        }
        for index in self.rows.indices {
            let items = self.rows[index].items
            self.rows[index].items = places[index].sorted(by: Place.isBefore).map { items[$0.number] }
        }
    }

    func pump() throws {}

    func next(upTo count: Int, isEnough: () -> Bool) throws -> FeedResult {
        var items: [ReplayItem] = []
        var later: [Int] = []
        for lane in self.ready {
            let row = self.rows[lane]
            guard row.next < row.items.count, row.busy == 0 else {
                self.rows[lane].isListed = false
                continue
            }
            guard items.count < count else {
                later.append(lane)
                continue
            }
            items.append(row.items[row.next])
            self.rows[lane].next += 1
            self.rows[lane].isListed = false
        }
        self.ready = later
        if !items.isEmpty { return .items(items) }
        let isLeft = self.rows.contains { $0.next < $0.items.count }
        return isLeft ? .blocked : .end
    }

    var hasReady: Bool {
        self.ready.contains { self.rows[$0].busy == 0 && self.rows[$0].next < self.rows[$0].items.count }
    }

    /// A letter without a key has a row of its own.
    func lane(of letter: DeadLetter) -> Int {
        let key = letter.keyBytes.map { [1] + Array($0) } ?? [0] + Array(letter.coordinate.description.utf8)
        if let lane = self.lanes[key] { return lane }
        let lane = self.rows.count
        self.lanes[key] = lane
        self.rows.append(Row())
        self.ready.append(lane)
        return lane
    }

    func began(lane: Int) {
        if lane >= 0 { self.rows[lane].busy += 1 }
    }

    func ended(lane: Int) {
        guard lane >= 0 else { return }
        self.rows[lane].busy -= 1
        // A row that stood there twice would have two letters sent at once.
        guard self.rows[lane].busy == 0, !self.rows[lane].isListed else { return }
        self.rows[lane].isListed = true
        self.ready.append(lane)
    }

    func close() { self.reader.close() }
}
