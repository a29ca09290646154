import Foundation
import JSONCoding
import Ledger

/// A schedule as the tool prints it.
struct ScheduleRow: Encodable {
    var id: String
    var name: String?
    var domain: String
    var type: String
    var key: String?
    var state: String
    /// Absent: once.
    var cron: String?
    var timeZone: String?
    var missedPolicy: String
    var nextDue: String?
    var lastDue: String?
    var lastFiredAt: String?
    var fired: Int
    var missed: Int
    var createdAt: String
    var createdBy: String?

    init(_ schedule: Schedule) {
        self.id = schedule.id
        self.name = schedule.name
        self.domain = schedule.domain
        self.type = schedule.type
        self.key = schedule.key
        self.state = schedule.state.rawValue
        self.cron = schedule.cron
        self.timeZone = schedule.cron == nil ? nil : schedule.timeZone
        self.missedPolicy = schedule.missedPolicy.rawValue
        self.nextDue = schedule.nextDue?.text
        self.lastDue = schedule.lastDue?.text
        self.lastFiredAt = schedule.lastFiredAt?.text
        self.fired = schedule.fired
        self.missed = schedule.missed
        self.createdAt = schedule.createdAt.text
        self.createdBy = schedule.createdBy
    }

    static func table(_ rows: [ScheduleRow]) -> TextTable {
        var table = TextTable([
            .init("NEXT"), .init("STATE"), .init("DOMAIN"), .init("TYPE", least: 12), .init("NAME", least: 6),
            .init("ID", least: 12), .init("WHEN", least: 8), .init("FIRED", isRight: true),
        ])
        for row in rows {
            let style: TextStyle =
                switch row.state {
                case "active": .good
                case "paused": .doubtful
                default: .faint
                }
            let when = row.cron.map { "\($0) (\(row.timeZone ?? ""))" } ?? "once"
            table.add([
                .init(row.nextDue.map { String($0.prefix(19)).replacing("T", with: " ") } ?? "-"),
                .init(row.state, style), .init(row.domain), .init(row.type), .init(row.name ?? "-"), .init(row.id),
                .init(when), "\(row.fired)",
            ])
        }
        return table
    }
}

/// A schedule with what it sends and when.
struct ScheduleView: Encodable {
    var schedule: ScheduleRow
    var data: JSONFragment
    var attributes: [String: String]
    /// The next due times.
    var upcoming: [String]

    init(_ schedule: Schedule) {
        self.schedule = ScheduleRow(schedule)
        self.data = JSONFragment(line: schedule.data)
        self.attributes = schedule.attributes
        self.upcoming = schedule.upcoming(5).map { RFC3339.format($0, precision: .microseconds) }
    }

    private enum CodingKeys: String, CodingKey { case data, attributes, upcoming }

    /// The row's own fields and these, in one object.
    func encode(to encoder: any Encoder) throws {
        try self.schedule.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.data, forKey: .data)
        try container.encode(self.attributes, forKey: .attributes)
        try container.encode(self.upcoming, forKey: .upcoming)
    }

    func printText() {
        let row = self.schedule
        var text = FieldText()
        text.add("schedule", row.id)
        text.add("name", row.name)
        text.add("domain", row.domain)
        text.add("type", row.type)
        text.add("key", row.key)
        text.add("state", row.state)
        text.add("cron", row.cron)
        text.add("time zone", row.timeZone)
        text.add("when missed", row.missedPolicy)
        text.add("next", self.upcoming.isEmpty ? nil : self.upcoming.joined(separator: ", "))
        text.add("last due", row.lastDue)
        text.add("last fired", row.lastFiredAt)
        text.add("fired", "\(row.fired)")
        text.add("missed", row.missed > 0 ? "\(row.missed)" : nil)
        text.add("created", row.createdAt + (row.createdBy.map { " by \($0)" } ?? ""))
        for (name, value) in self.attributes.sorted(by: { $0.key < $1.key }) { text.add(name, value) }
        text.add("data", String(decoding: self.data.bytes, as: UTF8.self))
        text.print()
    }
}
