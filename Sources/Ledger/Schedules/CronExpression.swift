/// When something is due again and again, in the five fields of cron: minute, hour, day of month, month, day of week.
///
/// A field is `*`, a number, a range `9-17`, a step `*/15` or `8-18/2`, or a list of those with commas. Months and days
/// of the week have names of three letters as well; Sunday is 0 and 7. `@yearly`, `@monthly`, `@weekly`, `@daily` and
/// `@hourly` stand for the usual five. When both days are restricted, either of them suffices, and a field that begins
/// with `*` counts as not restricted (POSIX `crontab`, Vixie's cron).
package struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// As it was given.
    package let text: String
    let minutes: CronField
    let hours: CronField
    let days: CronField
    let months: CronField
    let weekdays: CronField

    /// - Throws: ``CronError``, which names the field.
    package init(_ text: String) throws(CronError) {
        self.text = text
        var fields = text.split(whereSeparator: \.isWhitespace).map(String.init)
        if let first = fields.first, first.hasPrefix("@") {
            guard fields.count == 1, let long = Self.nicknames[first.lowercased()] else {
                throw CronError("there is no \(first); there is @yearly, @monthly, @weekly, @daily and @hourly")
            }
            fields = long.split(separator: " ").map(String.init)
        }
        guard fields.count == 5 else {
            throw CronError(
                "there are \(fields.count) fields where 5 belong: minute, hour, day of month, month, day of week")
        }
        self.minutes = try CronField(fields[0], "minute", 0...59)
        self.hours = try CronField(fields[1], "hour", 0...23)
        self.days = try CronField(fields[2], "day of month", 1...31)
        self.months = try CronField(fields[3], "month", 1...12, names: Self.monthNames, firstName: 1)
        self.weekdays = try CronField(fields[4], "day of week", 0...7, names: Self.weekdayNames, firstName: 0)
            .folding(7, into: 0)
        guard self.isPossible else { throw CronError("no month of these has such a day") }
    }

    package var description: String { self.text }

    /// Whether it goes by the hours that pass rather than by certain times of the day; see ``next(after:in:)``.
    var goesByTheHour: Bool { self.hours.isOpen }

    /// - Parameter weekday: Sunday is 0.
    func matches(month: Int, day: Int, weekday: Int) -> Bool {
        guard self.months.contains(month) else { return false }
        let isDay = self.days.contains(day)
        let isWeekday = self.weekdays.contains(weekday)
        return self.days.isOpen || self.weekdays.isOpen ? isDay && isWeekday : isDay || isWeekday
    }

    private var isPossible: Bool {
        if !self.days.isOpen, !self.weekdays.isOpen { return true }
        return (1...12).contains { month in
            let length = month == 2 ? 29 : [4, 6, 9, 11].contains(month) ? 30 : 31
            return self.months.contains(month) && (1...length).contains { self.days.contains($0) }
        }
    }

    private static let nicknames = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]
    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
}

/// What is wrong with a cron expression.
package struct CronError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
