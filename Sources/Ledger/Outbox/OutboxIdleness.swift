/// What a relay does that finds nothing: it looks again soon and then more and more rarely, asleep at last.
struct OutboxIdleness {
    enum Step: Hashable {
        case wait(Duration)
        /// Say that it is asleep, and look once more.
        case fallAsleep
    }

    private var turns = 0
    private(set) var isAsleep = false
    /// It found something while the table says that it is asleep.
    private var mustWakeUp = false

    /// Looking costs little; being notified costs every commit something. So short pauses are bridged by looking.
    private static let first: [Duration] = [.milliseconds(5), .milliseconds(5), .milliseconds(10), .milliseconds(30)]
    /// After it fell asleep: who put something just before may commit only now.
    private static let later: [Duration] = [.milliseconds(10), .milliseconds(50), .milliseconds(250)]

    mutating func next(pollInterval: Duration, isBusy: Bool) -> Step {
        let turn = self.turns
        self.turns += 1
        if turn < Self.first.count { return .wait(min(Self.first[turn], pollInterval)) }
        guard self.isAsleep else {
            // With records under way, there is more to come.
            guard !isBusy else { return .wait(min(.milliseconds(50), pollInterval)) }
            self.isAsleep = true
            self.turns = Self.first.count
            return .fallAsleep
        }
        let place = turn - Self.first.count
        return .wait(place < Self.later.count ? min(Self.later[place], pollInterval) : pollInterval)
    }

    mutating func reset() {
        self.turns = 0
        if self.isAsleep { self.mustWakeUp = true }
        self.isAsleep = false
    }

    /// Whether the table has to be told that it is awake; true once.
    mutating func takeWakeUp() -> Bool {
        defer { self.mustWakeUp = false }
        return self.mustWakeUp
    }
}
