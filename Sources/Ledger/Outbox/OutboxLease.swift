/// Which slots a relay may send for, and until when.
///
/// The time is this process's own and ends before the database's, so that a relay that was frozen knows on waking that
/// its slots may be another's. Nothing depends on it but the number of repetitions: whoever sends for a slot begins with
/// its first undelivered row, so that two relays that both do so repeat records, and leave none out of order.
struct OutboxLease {
    typealias Instant = ContinuousClock.Instant

    static let slotCount = 64

    private(set) var slots: Set<Int> = []
    /// Beyond the share: given back when nothing of them is under way.
    private(set) var leaving: Set<Int> = []
    private var validUntil: Instant
    /// When to speak to the database about it.
    private(set) var renewAt: Instant
    /// Other relays that were there last time.
    private(set) var others = 0

    init(now: Instant) {
        self.validUntil = now
        self.renewAt = now
    }

    func isValid(at now: Instant) -> Bool { now < self.validUntil && self.slots.count > self.leaving.count }

    /// The slots in order.
    var list: [Int] { self.slots.sorted() }
    /// Those of which rows are read.
    var readable: [Int] { self.slots.subtracting(self.leaving).sorted() }

    /// How many slots are this relay's share.
    var share: Int { (Self.slotCount + self.others) / (self.others + 1) }

    /// The database has answered a request that was sent at that time.
    mutating func renewed(_ slots: some Sequence<Int>, others: Int, lease: Duration, sent: Instant) {
        self.slots = Set(slots)
        self.others = others
        self.validUntil = sent + lease * 9 / 10
        self.renewAt = sent + lease / 4
    }

    mutating func claimed(_ slots: some Sequence<Int>) { self.slots.formUnion(slots) }

    /// Chooses what to give back, or that nothing is.
    mutating func divide() {
        self.leaving = Set(self.slots.sorted(by: >).prefix(max(0, self.slots.count - self.share)))
    }

    mutating func released(_ slots: some Sequence<Int>) {
        self.slots.subtract(slots)
        self.leaving.subtract(slots)
    }

    /// Somebody let go of slots: look at once.
    mutating func hurry(now: Instant) { self.renewAt = min(self.renewAt, now) }

    /// Stays away from slots until then.
    mutating func pause(until: Instant) {
        self.slots = []
        self.leaving = []
        self.renewAt = until
    }
}
