/// Holds a rate: letter by letter, each at its time.
package struct Pacer: Sendable {
    /// Microseconds between two letters; 0 for no limit.
    private let interval: Double
    private var next: Double?
    /// How much lost time is made up for: a pause of the broker must not become a flood.
    private let slack = 300_000.0

    /// - Parameter rate: Letters a second; nil for no limit.
    package init(rate: Double?) { self.interval = rate.map { 1_000_000 / $0 } ?? 0 }

    package var isUnlimited: Bool { self.interval == 0 }

    /// Microseconds until the next letter may go.
    ///
    /// - Parameter now: Monotonic microseconds.
    package func delay(at now: Int64) -> Int64 {
        guard self.interval > 0, let next = self.next else { return 0 }
        return max(0, Int64(next) - now)
    }

    package mutating func sent(at now: Int64) {
        guard self.interval > 0 else { return }
        let now = Double(now)
        self.next = max(self.next ?? now, now - self.slack) + self.interval
    }
}
