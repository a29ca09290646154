import Foundation
import JSONCoding

extension CronExpression {
    /// The first due time after a moment; nil when there is none within 50 years.
    ///
    /// Where clocks are set forward, a time of the day that is left out is due at the moment of the change, once. Where
    /// they are set back, a time that comes twice is due the first time only. An expression whose hours begin with `*`
    /// goes by the hours that pass instead: nothing is due in place of what is left out, and what comes twice is due
    /// twice.
    ///
    /// - Parameter moment: Microseconds since 1970; so is what is returned.
    package func next(after moment: Int64, in zone: TimeZone) -> Int64? {
        let after = Int(moment >= 0 ? moment / 1_000_000 : (moment - 999_999) / 1_000_000)
        let clock = ZoneClock(zone: zone)
        var day = Self.day(after + clock.offset(at: after))
        // Clocks may have been set back over midnight.
        if clock.steadyOffset(on: day) == nil { day -= 1 }
        let last = day + 50 * 366
        while day <= last {
            let date = CivilDate(days: day)
            guard self.months.contains(date.month) else {
                day =
                    date.month == 12
                    ? CivilDate.days(year: date.year + 1, month: 1, day: 1)
                    : CivilDate.days(year: date.year, month: date.month + 1, day: 1)
                continue
            }
            if let found = self.first(on: day, after: after, clock) {
                // Over midnight once more: the day after may begin before this one's second pass.
                let other = clock.steadyOffset(on: day) == nil ? self.first(on: day + 1, after: after, clock) : nil
                return Int64(min(found, other ?? found)) * 1_000_000
            }
            day += 1
        }
        return nil
    }

    /// The last due time that is not after a moment, and not before another.
    package func last(before moment: Int64, notBefore start: Int64, in zone: TimeZone) -> Int64? {
        // Windows that grow: few due times lie in the first that holds any.
        for days in [0, 1, 32, 366, 1500, 50 * 366] as [Int64] {
            let width = days == 0 ? 3_600_000_000 : days * 86_400_000_000
            let from = max(start, moment - width)
            var found: Int64?
            var next = self.next(after: from - 1, in: zone)
            while let due = next, due <= moment {
                found = due
                next = self.next(after: due, in: zone)
            }
            if let found { return found }
            if from == start { return nil }
        }
        return nil
    }

    private static func day(_ seconds: Int) -> Int { seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400 }

    private func first(on day: Int, after: Int, _ clock: ZoneClock) -> Int? {
        let date = CivilDate(days: day)
        let weekday = ((day + 4) % 7 + 7) % 7
        guard self.matches(month: date.month, day: date.day, weekday: weekday) else { return nil }
        let start = day * 86400
        guard let offset = clock.steadyOffset(on: day) else { return self.slowFirst(on: start, after: after, clock) }
        let passed = after + offset - start
        let from = passed < 0 ? 0 : passed / 60 + 1
        guard from < 1440, let hour = self.hours.first(from: from / 60) else { return nil }
        if hour == from / 60, let minute = self.minutes.first(from: from % 60) {
            return start + hour * 3600 + minute * 60 - offset
        }
        guard let hour = hour > from / 60 ? hour : self.hours.first(from: hour + 1),
            let minute = self.minutes.first(from: 0)
        else { return nil }
        return start + hour * 3600 + minute * 60 - offset
    }

    /// On days about a change of clocks: the times of the day are looked at one by one, but for those that are over by
    /// any reading, and those that come after what is found by every reading.
    private func slowFirst(on start: Int, after: Int, _ clock: ZoneClock) -> Int? {
        let offsets = clock.offsets(about: start)
        var best: Int?
        for hour in self.hours.values where start + hour * 3600 + 3599 - offsets.lowerBound > after {
            for minute in self.minutes.values {
                let local = start + hour * 3600 + minute * 60
                guard local - offsets.lowerBound > after else { continue }
                if let best, local - offsets.upperBound >= best { return best }
                let moments: [Int] =
                    switch clock.moments(of: local) {
                    case .once(let moment): [moment]
                    case .twice(let first, let second): self.goesByTheHour ? [first, second] : [first]
                    case .never(let jump): self.goesByTheHour ? [] : [jump]
                    }
                for moment in moments where moment > after { best = min(best ?? moment, moment) }
            }
        }
        return best
    }
}
