import Commands

/// A batch on its way: noted, sent, acknowledged letter by letter, and noted as done.
struct Flight: Sendable {
    let number: Int
    /// As it was noted before it was sent.
    let intent: BatchRecord
    /// Its letters; none once nobody needs them any more.
    private(set) var items: [ReplayItem]
    private var places: [Place]
    let bytes: Int
    /// Letters that are put aside.
    let parked: Int
    /// Of which letters the broker has said something.
    private var isTold: [Bool]
    /// Where the broker put each letter, if somebody wants to know.
    private(set) var arrivals: [(partition: Int32, offset: Int64)] = []
    /// Letters that it would not take, by their place in the flight.
    private(set) var failures: [Int: SinkFailure] = [:]
    /// Letters that the broker has said nothing of.
    private(set) var open: Int
    /// The broker has the note of what is about to be sent.
    var isNoted = false
    var isSent = false
    /// Its letters' audit events are on their way.
    var isAudited = false
    /// Audit events that the broker has said nothing of.
    var openAudits = 0
    /// The note of the end is on its way.
    var isConfirming = false
    /// The broker has it.
    var isConfirmed = false

    /// Where a letter lies.
    private struct Place {
        var partition: Int32
        var isParked: Bool
        var offset: Int64
    }

    /// - Parameters:
    ///   - batch: The note of it: of letters that a dead process had noted, or one to be filled in.
    ///   - keepsArrivals: Whether it matters where the letters come to lie.
    init(_ batch: BatchRecord, items: [ReplayItem], keepsArrivals: Bool) {
        self.number = batch.number
        self.items = items
        self.bytes = items.reduce(0) { $0 + $1.record.bytes.count }
        self.parked = items.count { $0.target == nil }
        self.isTold = Array(repeating: false, count: items.count)
        if keepsArrivals { self.arrivals = Array(repeating: (-1, -1), count: items.count) }
        self.open = items.count
        let places = items.map {
            Place(partition: $0.record.partition, isParked: $0.target == nil, offset: $0.record.offset)
        }
        self.places = places
        var intent = batch
        if batch.letters.isEmpty, batch.quarantined.isEmpty { Self.fill(&intent, places) }
        self.intent = intent
    }

    var count: Int { self.places.count }

    /// Nothing of it is to be sent any more: what is left to do is to note that nothing was.
    mutating func giveUp() {
        self.isSent = true
        self.open = 0
        self.items = []
        self.places = []
    }

    /// Gives the memory of letters back that are sent.
    mutating func forgetItems() { self.items = [] }

    mutating func take(_ report: SinkReport, index: Int) {
        guard index < self.isTold.count else {
            self.openAudits -= 1
            return
        }
        guard !self.isTold[index] else { return }
        self.isTold[index] = true
        self.open -= 1
        if let failure = report.failure {
            self.failures[index] = failure
        } else if !self.arrivals.isEmpty {
            self.arrivals[index] = (report.partition, max(0, report.offset))
        }
    }

    /// What the broker has, as it is noted; letters that it would not take are left out.
    func done(at moment: Int64) -> BatchRecord {
        var done = BatchRecord(
            job: self.intent.job, number: self.intent.number, phase: .done, at: moment, topic: self.intent.topic)
        let taken =
            self.failures.isEmpty
            ? self.places : self.places.enumerated().filter { self.failures[$0.offset] == nil }.map(\.element)
        Self.fill(&done, taken)
        return done
    }

    private static func fill(_ batch: inout BatchRecord, _ places: [Place]) {
        func set(_ isParked: Bool) -> LetterSet {
            LetterSet(places: places.lazy.filter { $0.isParked == isParked }.map { ($0.partition, $0.offset) })
        }
        batch.letters = set(false)
        batch.quarantined = set(true)
    }

    // MARK: - Tokens

    /// Which record a report is about: the flight's number, and the letter's place or one of its two notes.
    enum Token: Hashable, Sendable {
        case letter(flight: Int, index: Int)
        case intent(flight: Int)
        case done(flight: Int)
        /// The job's own record, or an event.
        case job

        private static let intentIndex = 0xfffff
        private static let doneIndex = 0xffffe

        var number: Int {
            switch self {
            case .letter(let flight, let index): flight << 20 | index
            case .intent(let flight): flight << 20 | Self.intentIndex
            case .done(let flight): flight << 20 | Self.doneIndex
            case .job: 0
            }
        }

        init(_ number: Int) {
            let (flight, index) = (number >> 20, number & 0xfffff)
            switch index {
            case Self.intentIndex: self = .intent(flight: flight)
            case Self.doneIndex: self = .done(flight: flight)
            default: self = flight == 0 ? .job : .letter(flight: flight, index: index)
            }
        }
    }
}
