import Foundation

/// Wall clocks of a time zone. Everything is in seconds since 1970; local times are counted as if they were UTC.
struct ZoneClock {
    let zone: TimeZone

    /// No zone is further from UTC, and none moves by more than a day at once.
    private static let margin = 38 * 3600

    func offset(at moment: Int) -> Int {
        self.zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(moment)))
    }

    /// The offset that holds throughout a day and its surroundings; nil when clocks change about then.
    ///
    /// - Parameter day: Since 1970-01-01.
    func steadyOffset(on day: Int) -> Int? {
        let start = day * 86400
        let offset = self.offset(at: start - Self.margin)
        return offset == self.offset(at: start + 43200) && offset == self.offset(at: start + 86400 + Self.margin)
            ? offset : nil
    }

    /// The least and the greatest offset in the surroundings of a local day that begins then. No offset holds for so short
    /// a time that it lies between two looks.
    func offsets(about start: Int) -> ClosedRange<Int> {
        var range: ClosedRange<Int>?
        for moment in stride(from: start - Self.margin, through: start + 86400 + Self.margin, by: 7200) {
            let offset = self.offset(at: moment)
            range = min(range?.lowerBound ?? offset, offset)...max(range?.upperBound ?? offset, offset)
        }
        return range ?? 0...0
    }

    /// What a local time can mean.
    enum Reading: Equatable {
        case once(Int)
        /// Clocks are set back over it.
        case twice(Int, Int)
        /// Clocks are set forward over it, at this moment.
        case never(jump: Int)
    }

    func moments(of local: Int) -> Reading {
        let before = self.offset(at: local - Self.margin)
        let after = self.offset(at: local + Self.margin)
        let first = local - before
        let second = local - after
        let isFirst = self.offset(at: first) == before
        let isSecond = self.offset(at: second) == after
        switch (isFirst, isSecond) {
        case (true, true): return first == second ? .once(first) : .twice(min(first, second), max(first, second))
        case (true, false): return .once(first)
        case (false, true): return .once(second)
        case (false, false):
            return .never(jump: self.change(from: before, between: local - Self.margin, local + Self.margin))
        }
    }

    /// The first moment that has another offset.
    private func change(from offset: Int, between low: Int, _ high: Int) -> Int {
        var (low, high) = (low, high)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if self.offset(at: middle) == offset { low = middle } else { high = middle }
        }
        return high
    }
}
