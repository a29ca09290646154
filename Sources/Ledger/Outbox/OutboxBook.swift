import Processor

/// What a relay knows: how far each topic is to be trusted, what is on its way, what can be deleted.
///
/// While records of a topic are on their way, no others of that topic are read: what comes back undelivered is read again
/// together with its successors, and so keeps its place before them.
struct OutboxBook {
    typealias Instant = ContinuousClock.Instant

    /// A row's place in the table.
    struct Row: Hashable {
        var topic: Int
        var id: Int64
        var slot: Int
    }

    enum Standing: Hashable {
        case trusted
        /// One record at a time, so many more times.
        case trial(left: Int)
        case refused(until: Instant)
    }

    /// Something that an operator should hear of.
    enum News: Hashable {
        case refused(topic: String, reason: String, again: Duration)
        case accepted(topic: String)
        case parked(topic: String, id: Int64, reason: String)
    }

    private struct Topic {
        let name: String
        var standing = Standing.trial(left: 1)
        var inFlight = 0
        /// Since when nothing was heard of those.
        var silentSince: Instant?
        /// The next wait after a refusal.
        var delay: Duration
        var isKnownAsRefused = false
        /// A row of the group under way came back, so that those read after it must not overtake it.
        var isInterrupted = false
        var delivered: [Row] = []
    }

    struct Flight {
        var row: Row
        var isTrial: Bool
    }

    private let firstDelay: Duration
    private let lastDelay: Duration
    private let truncatable: Set<String>
    private var topics: [Topic] = []
    private var places: [String: Int] = [:]
    private var flights: [Int: Flight] = [:]
    private var nextTicket = 1
    private var slots = [Int](repeating: 0, count: OutboxLease.slotCount)
    /// Rows to be sent without their values.
    private(set) var truncated: Set<Int64> = []
    /// Rows to be put aside, with the reasons.
    private var parked: [(row: Row, reason: String)] = []
    private(set) var news: [News] = []
    /// Records under way for which a group waits; those on trial are not among them.
    private(set) var awaited = 0
    private var hasUnknown = false

    init(settings: OutboxSettings) {
        self.firstDelay = settings.refusalDelay
        self.lastDelay = settings.lastRefusalDelay
        self.truncatable = settings.truncatable
    }

    var inFlight: Int { self.flights.count }
    /// Rows of the slot that are on their way, or delivered and not deleted yet.
    func pending(slot: Int) -> Int { self.slots[slot] }
    func name(_ topic: Int) -> String { self.topics[topic].name }

    /// The topics of which rows may be read now, and how many.
    mutating func readable(of names: [String], rows: Int, now: Instant) -> [(topic: Int, rows: Int)] {
        names.compactMap { name in
            let place = self.place(of: name)
            guard self.topics[place].inFlight == 0, self.topics[place].delivered.isEmpty else { return nil }
            self.topics[place].isInterrupted = false
            switch self.topics[place].standing {
            case .trusted: return (place, rows)
            case .trial: return (place, 1)
            case .refused(let until):
                guard until <= now else { return nil }
                self.topics[place].standing = .trial(left: 1)
                return (place, 1)
            }
        }
    }

    private mutating func place(of name: String) -> Int {
        if let place = self.places[name] { return place }
        self.topics.append(Topic(name: name, delay: self.firstDelay))
        self.places[name] = self.topics.count - 1
        return self.topics.count - 1
    }

    /// A row is about to be sent; nil when its topic has failed since it was read, so that it has to stay behind.
    mutating func take(_ row: Row, now: Instant) -> (ticket: Int, isTrial: Bool)? {
        guard !self.topics[row.topic].isInterrupted else { return nil }
        let isTrial: Bool
        switch self.topics[row.topic].standing {
        case .trusted: isTrial = false
        case .trial:
            guard self.topics[row.topic].inFlight == 0 else { return nil }
            isTrial = true
        case .refused: return nil
        }
        let ticket = self.nextTicket
        self.nextTicket += 1
        self.flights[ticket] = Flight(row: row, isTrial: isTrial)
        if self.topics[row.topic].inFlight == 0 { self.topics[row.topic].silentSince = now }
        self.topics[row.topic].inFlight += 1
        self.slots[row.slot] += 1
        if !isTrial { self.awaited += 1 }
        return (ticket, isTrial)
    }

    /// It was not sent after all.
    mutating func putBack(_ ticket: Int) {
        guard let flight = self.land(ticket) else { return }
        self.slots[flight.row.slot] -= 1
        self.topics[flight.row.topic].isInterrupted = true
    }

    private mutating func land(_ ticket: Int) -> Flight? {
        guard let flight = self.flights.removeValue(forKey: ticket) else { return nil }
        self.topics[flight.row.topic].inFlight -= 1
        if !flight.isTrial { self.awaited -= 1 }
        return flight
    }

    mutating func settle(_ ticket: Int, _ outcome: RecordOutcome, now: Instant) {
        guard let flight = self.land(ticket) else { return }
        let topic = flight.row.topic
        self.topics[topic].silentSince = now
        if outcome != .delivered {
            self.topics[topic].isInterrupted = true
            self.slots[flight.row.slot] -= 1
        }
        switch outcome {
        case .delivered:
            self.topics[topic].delivered.append(flight.row)
            self.truncated.remove(flight.row.id)
            if flight.isTrial { self.passed(topic) }
        case .refused(let reason): self.refused(topic, reason, now: now)
        case .unacceptable(let reason): self.unacceptable(flight, reason)
        case .unknown: self.hasUnknown = true
        }
    }

    /// Whether the delivery of anything has become unknown since this was asked last.
    mutating func takeUnknown() -> Bool {
        defer { self.hasUnknown = false }
        return self.hasUnknown
    }

    private mutating func passed(_ topic: Int) {
        guard case .trial(let left) = self.topics[topic].standing else { return }
        self.topics[topic].standing = left > 1 ? .trial(left: left - 1) : .trusted
        self.topics[topic].delay = self.firstDelay
        guard self.topics[topic].isKnownAsRefused else { return }
        self.topics[topic].isKnownAsRefused = false
        self.news.append(.accepted(topic: self.topics[topic].name))
    }

    private mutating func refused(_ topic: Int, _ reason: String, now: Instant) {
        if case .refused = self.topics[topic].standing { return }
        let delay = self.topics[topic].delay
        self.topics[topic].standing = .refused(until: now + delay)
        self.topics[topic].delay = min(self.lastDelay, delay * 2)
        self.topics[topic].isKnownAsRefused = true
        self.news.append(.refused(topic: self.topics[topic].name, reason: reason, again: delay))
    }

    /// Alone, it is to blame; in a batch with others, each is sent alone next.
    private mutating func unacceptable(_ flight: Flight, _ reason: String) {
        let topic = flight.row.topic
        guard flight.isTrial else {
            switch self.topics[topic].standing {
            case .trusted: self.topics[topic].standing = .trial(left: 1)
            case .trial(let left): self.topics[topic].standing = .trial(left: left + 1)
            case .refused: break
            }
            return
        }
        let name = self.topics[topic].name
        if self.truncatable.contains(name), self.truncated.insert(flight.row.id).inserted { return }
        self.truncated.remove(flight.row.id)
        self.parked.append((flight.row, reason))
        self.news.append(.parked(topic: name, id: flight.row.id, reason: reason))
        self.passed(topic)
    }

    /// What the table is to forget: by topic, and what is to be put aside.
    ///
    /// Handed out once; then ``forget(_:)``, or ``keep(_:_:)`` when the table could not be told.
    mutating func takeSettled() -> Settled {
        var settled = Settled()
        for place in self.topics.indices where !self.topics[place].delivered.isEmpty {
            settled.delivered.append((place, self.topics[place].delivered))
            self.topics[place].delivered = []
        }
        settled.parked = self.parked
        self.parked = []
        return settled
    }

    mutating func keep(_ settled: Settled, _ news: [News]) {
        for (place, rows) in settled.delivered { self.topics[place].delivered += rows }
        self.parked += settled.parked
        self.news = news + self.news
    }

    /// The table has been told.
    mutating func forget(_ settled: Settled) {
        for (_, rows) in settled.delivered { for row in rows { self.slots[row.slot] -= 1 } }
    }

    /// Whether trusted topics have been silent for so long that all has to be sent anew.
    ///
    /// Those that are silent while others are not come on trial then, and disturb nobody any more.
    mutating func giveUp(after limit: Duration, now: Instant) -> Bool {
        let busy = self.topics.indices.filter { self.topics[$0].standing == .trusted && self.topics[$0].inFlight > 0 }
        let silent = busy.filter { self.topics[$0].silentSince.map { now - $0 > limit } ?? false }
        for topic in silent {
            self.topics[topic].silentSince = now
            if silent.count < busy.count {
                self.refused(topic, "no answer in \(limit); the topic may be denied", now: now)
            }
        }
        return !silent.isEmpty
    }

    mutating func takeNews() -> [News] {
        defer { self.news = [] }
        return self.news
    }

    struct Settled {
        var delivered: [(topic: Int, rows: [Row])] = []
        var parked: [(row: Row, reason: String)] = []
    }
}
