import Foundation
import JSONCoding
import PostgresClient

/// A stored schedule.
package struct Schedule: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case active, paused
        /// Nothing more is to come.
        case done
        case cancelled
    }

    package var id: String
    package var name: String?
    package var domain: String
    package var type: String
    package var key: String?
    package var data: [UInt8]
    package var attributes: [String: String]
    /// Nil: once.
    package var cron: String?
    package var timeZone: String
    package var missedPolicy: MissedPolicy
    package var nextDue: PostgresTimestamp?
    package var lastDue: PostgresTimestamp?
    package var lastFiredAt: PostgresTimestamp?
    package var fired: Int
    /// How often due times went by while nobody was there.
    package var missed: Int
    package var pausedAt: PostgresTimestamp?
    package var cancelledAt: PostgresTimestamp?
    package var createdAt: PostgresTimestamp
    package var createdBy: String?
    var revision: Int64

    package var state: State {
        if self.cancelledAt != nil { return .cancelled }
        if self.nextDue == nil { return .done }
        return self.pausedAt == nil ? .active : .paused
    }

    static let columns = """
        id, name, domain, type, key, data, attributes, cron, time_zone, missed_policy, next_due, last_due, \
        last_fired_at, fired, missed, paused_at, cancelled_at, created_at, created_by, revision
        """

    init(_ row: PostgresRow) throws {
        self.id = try row.get(0)
        self.name = try row.get(1)
        self.domain = try row.get(2)
        self.type = try row.get(3)
        self.key = try row.get(4)
        self.data = try row.get(5)
        self.attributes = try FastJSONDecoder().decode(
            [String: String].self, from: Array(row.get(6, as: String.self).utf8))
        self.cron = try row.get(7)
        self.timeZone = try row.get(8)
        self.missedPolicy = MissedPolicy(rawValue: try row.get(9)) ?? .fireOnce
        self.nextDue = try row.get(10)
        self.lastDue = try row.get(11)
        self.lastFiredAt = try row.get(12)
        self.fired = try row.get(13)
        self.missed = try row.get(14)
        self.pausedAt = try row.get(15)
        self.cancelledAt = try row.get(16)
        self.createdAt = try row.get(17)
        self.createdBy = try row.get(18)
        self.revision = try row.get(19)
    }

    /// - Throws: ``LedgerError`` when the database holds an expression or a zone that this program does not know.
    var timing: ScheduleTiming {
        get throws(LedgerError) {
            guard let cron = self.cron else { return .at(self.nextDue?.microseconds ?? 0) }
            do {
                return .cron(try CronExpression(cron), try TimeZone(scheduleZone: self.timeZone))
            } catch let error as LedgerError {
                throw error
            } catch {
                throw LedgerError(.invalid, "schedule \(self.id): \(cron) is no cron expression: \(error)")
            }
        }
    }
}

extension TimeZone {
    /// - Throws: ``LedgerError`` when there is no such zone.
    package init(scheduleZone name: String) throws(LedgerError) {
        // Abbreviations such as EST mean different things to different people.
        guard let zone = TimeZone(identifier: name), name.contains("/") || name == "UTC" || name == "GMT" else {
            throw LedgerError(.invalid, "there is no time zone \(name); give one such as Europe/Berlin, or UTC")
        }
        self = zone
    }

    /// Foundation's name of UTC is GMT.
    var scheduleName: String { self.identifier == "GMT" ? "UTC" : self.identifier }
}

extension Schedule {
    /// The next due times, in microseconds since 1970.
    package func upcoming(_ count: Int) -> [Int64] {
        guard self.state == .active, let due = self.nextDue?.microseconds else { return [] }
        var moments = [due]
        guard case .cron(let expression, let zone)? = try? self.timing else { return moments }
        while moments.count < count, let last = moments.last, let next = expression.next(after: last, in: zone) {
            moments.append(next)
        }
        return moments
    }
}
