import Commands
import Foundation

/// When a schedule is due.
package enum ScheduleTiming: Hashable, Sendable {
    /// Once, so long after it was stored, by the database's clock.
    case after(Duration)
    /// Once; microseconds since 1970.
    case at(Int64)
    case cron(CronExpression, TimeZone)

    var cron: CronExpression? {
        guard case .cron(let expression, _) = self else { return nil }
        return expression
    }

    var zone: TimeZone {
        guard case .cron(_, let zone) = self else { return .gmt }
        return zone
    }

    /// The first due time as seen from a moment.
    func firstDue(after now: Int64) -> Int64? {
        switch self {
        case .after(let duration): now + max(0, duration.wholeMicroseconds)
        case .at(let moment): moment
        case .cron(let expression, let zone): expression.next(after: now, in: zone)
        }
    }
}

/// What becomes of due times that passed while nobody was there to serve them.
package enum MissedPolicy: String, Sendable, Hashable, CaseIterable, Codable {
    /// All of them together are fired once.
    case fireOnce = "fire_once"
    /// None of them is fired.
    case skip
}
