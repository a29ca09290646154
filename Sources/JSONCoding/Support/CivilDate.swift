/// A day of the proleptic Gregorian calendar.
package struct CivilDate {
    package var year: Int
    package var month: Int
    package var day: Int

    /// The days from year 0000-03-01 to 1970-01-01.
    private static let epochShift = 719_468
    /// The days of 400 years.
    private static let eraDays = 146_097

    /// The day which lies a number of days after 1970-01-01; the year must be 0 or later.
    package init(days: Int) {
        // Counting years from March puts the leap day at the end of a year.
        let shifted = days + Self.epochShift
        let era = shifted / Self.eraDays
        let dayOfEra = shifted % Self.eraDays
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// The days from 1970-01-01 to a day in year 1 or later.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let marchYear = month <= 2 ? year - 1 : year
        let marchMonth = month > 2 ? month - 3 : month + 9
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + (153 * marchMonth + 2) / 5 + day - 1 - epochShift
    }

    package static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }
}
