import Commands

/// What a replay would do, found out without writing anything.
package struct ReplayPlan: Sendable {
    /// How long ago letters were given up.
    package enum Age: String, Sendable, CaseIterable {
        case minute = "under 1 minute"
        case hour = "under 1 hour"
        case day = "under 1 day"
        case week = "under 7 days"
        case older = "7 days and more"

        static func of(microseconds: Int64) -> Age {
            switch microseconds {
            case ..<60_000_000: .minute
            case ..<3_600_000_000: .hour
            case ..<86_400_000_000: .day
            case ..<604_800_000_000: .week
            default: .older
            }
        }
    }

    package private(set) var matched = 0
    package private(set) var send = 0
    package private(set) var bytes = 0
    package private(set) var quarantine = 0
    package private(set) var targets: [String: Int] = [:]
    package private(set) var skipped: [ReplayDecision.Skip: Int] = [:]
    package private(set) var withoutOrigin = 0
    package private(set) var undeclared: [String: Int] = [:]
    /// Of those to be sent: by cause, by age.
    package private(set) var causes = LetterGroups(limit: 1000)
    package private(set) var ages: [Age: Int] = [:]
    /// Of those to be sent: their `expirytime` has passed, so that they would end as expired.
    package private(set) var expired = 0
    package var report = ScanReport()
    private let now: Int64
    private let limit: Int?

    /// - Parameter now: Microseconds since 1970.
    package init(now: Int64, limit: Int?) {
        self.now = now
        self.limit = limit
    }

    package var refused: Int { self.withoutOrigin + self.undeclared.values.reduce(0, +) }
    package var isFull: Bool { self.limit.map { self.send >= $0 } ?? false }

    package mutating func add(_ letter: DeadLetter, _ state: LetterState, _ decision: ReplayDecision) {
        self.matched += 1
        switch decision {
        case .send(let topic, _):
            self.send += 1
            self.bytes += letter.record.bytes.count
            self.targets[topic, default: 0] += 1
            self.causes.add(letter, state)
            self.ages[Age.of(microseconds: self.now - letter.failedAt), default: 0] += 1
            if letter.isExpired(at: self.now) { self.expired += 1 }
        case .quarantine: self.quarantine += 1
        case .skip(let reason): self.skipped[reason, default: 0] += 1
        case .refuse(.noOrigin): self.withoutOrigin += 1
        case .refuse(.undeclared(let topic)):
            // Names are made up by strangers; a few are enough to see what is wrong.
            let name = self.undeclared[topic] != nil || self.undeclared.count < 20 ? topic : "others"
            self.undeclared[name, default: 0] += 1
        }
    }

    /// Seconds that sending may take, at the rate asked for or at an ordinary broker's.
    package func expectedSeconds(rate: Double?) -> Double { Double(self.send) / min(rate ?? 20_000, 20_000) }
}
