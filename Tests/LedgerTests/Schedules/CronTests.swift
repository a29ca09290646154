import Foundation
import JSONCoding
import Testing

@testable import Ledger

/// An expression, a zone, a moment, and the due times that follow it.
struct CronCase: Sendable, CustomTestStringConvertible {
    var expression: String
    var zone = "UTC"
    var after: String
    var due: [String]
    var why: String

    var testDescription: String { "\(self.expression) in \(self.zone): \(self.why)" }

    static let plain: [CronCase] = [
        CronCase(
            expression: "* * * * *", after: "2026-11-20T23:58:30Z",
            due: ["2026-11-20T23:59:00Z", "2026-11-21T00:00:00Z"], why: "every minute, over midnight"),
        CronCase(
            expression: "0 12 * * *", after: "2026-11-20T12:00:00Z", due: ["2026-11-21T12:00:00Z"],
            why: "strictly after"),
        CronCase(
            expression: "*/15 9-10 * * mon-fri", after: "2026-11-20T10:30:00Z",
            due: ["2026-11-20T10:45:00Z", "2026-11-23T09:00:00Z", "2026-11-23T09:15:00Z"], why: "working hours"),
        CronCase(
            expression: "5,35 0 1 JAN,jul *", after: "2026-11-20T00:00:00Z",
            due: ["2027-01-01T00:05:00Z", "2027-01-01T00:35:00Z", "2027-07-01T00:05:00Z"], why: "lists and names"),
        CronCase(
            expression: "0 0 29 2 *", after: "2026-01-01T00:00:00Z",
            due: ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
            why: "leap years"),
        CronCase(
            expression: "0 0 29 2 *", after: "2097-01-01T00:00:00Z", due: ["2104-02-29T00:00:00Z"],
            why: "2100 is none"),
        CronCase(
            expression: "0 0 13 * 5", after: "2026-11-01T00:00:00Z",
            due: ["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"], why: "either day"),
        CronCase(
            expression: "0 0 */2 * 5", after: "2026-11-01T00:00:00Z",
            due: ["2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z"], why: "both days when one is open"),
        CronCase(
            expression: "0 0 * * 7", after: "2026-11-20T00:00:00Z", due: ["2026-11-22T00:00:00Z"], why: "Sunday is 7"),
        CronCase(
            expression: "50/5 23 31 12 *", after: "2026-11-20T00:00:00Z",
            due: ["2026-12-31T23:50:00Z", "2026-12-31T23:55:00Z", "2027-12-31T23:50:00Z"], why: "a step from a number"),
        CronCase(
            expression: "@monthly", after: "2026-12-31T23:59:59Z", due: ["2027-01-01T00:00:00Z"], why: "a nickname"),
        CronCase(
            expression: "0 8 * * *", zone: "Asia/Kolkata", after: "2026-11-20T00:00:00Z",
            due: ["2026-11-20T02:30:00Z", "2026-11-21T02:30:00Z"], why: "an offset of half hours"),
        CronCase(
            expression: "30 0 * * *", after: "1969-12-30T12:00:00Z",
            due: ["1969-12-31T00:30:00Z", "1970-01-01T00:30:00Z"],
            why: "before 1970"),
    ]

    static let clockChanges: [CronCase] = [
        CronCase(
            expression: "30 2 * * *", zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z",
            due: ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"], why: "left out: at the change"),
        CronCase(
            expression: "*/10 2,3 * * *", zone: "Europe/Berlin", after: "2026-03-29T00:50:00Z",
            due: ["2026-03-29T01:00:00Z", "2026-03-29T01:10:00Z"], why: "left out several times: at the change, once"),
        CronCase(
            expression: "30 * * * *", zone: "Europe/Berlin", after: "2026-03-29T00:00:00Z",
            due: ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"], why: "hourly goes on by hours"),
        CronCase(
            expression: "30 2 * * *", zone: "Europe/Berlin", after: "2026-10-24T12:00:00Z",
            due: ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"], why: "comes twice: the first time"),
        CronCase(
            expression: "30 * * * *", zone: "Europe/Berlin", after: "2026-10-25T00:00:00Z",
            due: ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"], why: "hourly: both times"),
        CronCase(
            expression: "0 0 * * *", zone: "America/Sao_Paulo", after: "2018-11-03T12:00:00Z",
            due: ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"], why: "midnight is left out"),
        CronCase(
            expression: "15 2 * * *", zone: "Australia/Lord_Howe", after: "2026-10-03T12:00:00Z",
            due: ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"], why: "a change of half an hour"),
        CronCase(
            expression: "0 12 * * *", zone: "Pacific/Apia", after: "2011-12-29T23:00:00Z",
            due: ["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"], why: "a whole day is left out"),
        CronCase(
            expression: "30 23 * * *", zone: "America/St_Johns", after: "2006-10-28T12:00:00Z",
            due: ["2006-10-29T02:00:00Z", "2006-10-30T03:00:00Z"], why: "set back over midnight"),
        CronCase(
            expression: "0,30 * * * *", zone: "America/St_Johns", after: "2006-10-29T01:45:00Z",
            due: [
                "2006-10-29T02:00:00Z", "2006-10-29T02:30:00Z", "2006-10-29T03:00:00Z", "2006-10-29T03:30:00Z",
                "2006-10-29T04:00:00Z",
            ], why: "set back over midnight, hourly"),
    ]
}

@Suite struct CronTests {
    @Test("Due times", arguments: CronCase.plain + CronCase.clockChanges)
    func due(_ example: CronCase) throws {
        let expression = try CronExpression(example.expression)
        let zone = try TimeZone(scheduleZone: example.zone)
        var moment = try #require(RFC3339.parse(example.after))
        for expected in example.due {
            moment = try #require(expression.next(after: moment, in: zone))
            #expect(RFC3339.format(moment) == expected.replacing("Z", with: ".000Z"))
        }
    }

    @Test(
        "What is wrong is named",
        arguments: [
            ("", "0 fields"), ("* * * *", "4 fields"), ("60 * * * *", "minute"), ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of month"), ("* * * 13 *", "month"), ("* * * foo *", "month"),
            ("* * * * 8", "day of week"), ("5-1 * * * *", "backwards"), ("*/0 * * * *", "above 0"),
            ("1,,2 * * * *", "missing"), ("-1 * * * *", "minute"), ("*/x * * * *", "above 0"), ("@never", "@never"),
            ("@daily x", "@daily"), ("0 0 30 2 *", "no month"), ("0 0 31 4,6 *", "no month"), ("¼ * * * *", "minute"),
        ])
    func refused(_ text: String, _ mention: String) {
        let error = #expect(throws: CronError.self) { _ = try CronExpression(text) }
        #expect(error?.description.contains(mention) == true, "\(error?.description ?? "")")
    }

    @Test("Zones are names of places", arguments: ["Mars/Olympus", "EST", "", "../etc"])
    func wrongZone(_ name: String) {
        #expect(throws: LedgerError.self) { _ = try TimeZone(scheduleZone: name) }
    }

    @Test("Hourly expressions: the same as looking at every minute", arguments: ["Europe/Berlin", "America/St_Johns"])
    func everyMinute(_ name: String) throws {
        let zone = try TimeZone(scheduleZone: name)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let minute = Int.random(in: 0..<60, using: &random)
            let text = "\(minute),\((minute + 31) % 60) * */\(Int.random(in: 1...4, using: &random)) * *"
            let expression = try CronExpression(text)
            // Ten days with a change of clocks in them.
            let start = try #require(RFC3339.parse(Bool.random() ? "2026-03-24T00:00:00Z" : "2026-10-20T00:00:00Z"))
            var expected: [Int64] = []
            for step in 1...(14 * 1440) {
                let moment = start + Int64(step) * 60_000_000
                let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment / 1_000_000)))
                let local = RFC3339.format(moment + Int64(offset) * 1_000_000)
                let day = Int(local.dropFirst(8).prefix(2))!
                if expression.days.contains(day), expression.minutes.contains(Int(local.dropFirst(14).prefix(2))!) {
                    expected.append(moment)
                }
            }
            var found: [Int64] = []
            var moment = start
            while let next = expression.next(after: moment, in: zone), next <= start + 14 * 86_400_000_000 {
                found.append(next)
                moment = next
            }
            #expect(found == expected, "\(text)")
        }
    }

    @Test(
        "About a change of clocks: the same as looking at every time of the day",
        arguments: [
            "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
            "Pacific/Apia", "America/New_York", "Asia/Tehran", "Antarctica/Troll", "Europe/London",
        ])
    func everyReading(_ name: String) throws {
        let zone = try TimeZone(scheduleZone: name)
        var random = SystemRandomNumberGenerator()
        let patterns = ["*", "*/7", "0", "59", "*/20", "5-10", "30", "0,59"]
        // For Apia also the day that it left out.
        var moments = [1_325_239_200]
        var change = Date(timeIntervalSince1970: 1_500_000_000)
        for _ in 0..<4 {
            guard let next = zone.nextDaylightSavingTimeTransition(after: change) else { break }
            moments.append(Int(next.timeIntervalSince1970))
            change = next
        }
        for _ in 0..<40 {
            let hours = ["*", "*/2", "\(Int.random(in: 0...23, using: &random))", "0-4", "2", "3", "23"]
            let text = [
                patterns.randomElement(using: &random)!, hours.randomElement(using: &random)!, "*", "*",
                ["*", "*", "sun,mon"].randomElement(using: &random)!,
            ].joined(separator: " ")
            let expression = try CronExpression(text)
            let from = moments.randomElement(using: &random)! + Int.random(in: -150_000...150_000, using: &random)
            let found = expression.next(after: Int64(from) * 1_000_000, in: zone).map { Int($0 / 1_000_000) }
            #expect(found == Self.slowNext(expression, after: from, zone), "\(text) after \(from)")
        }
    }

    /// Every reading of every time of eleven days.
    private static func slowNext(_ expression: CronExpression, after: Int, _ zone: TimeZone) -> Int? {
        let clock = ZoneClock(zone: zone)
        let today = (after + clock.offset(at: after)) / 86400
        var best: Int?
        for day in (today - 2)...(today + 8) {
            let date = CivilDate(days: day)
            guard expression.matches(month: date.month, day: date.day, weekday: (day + 4) % 7) else { continue }
            for hour in expression.hours.values {
                for minute in expression.minutes.values {
                    let moments: [Int] =
                        switch clock.moments(of: day * 86400 + hour * 3600 + minute * 60) {
                        case .once(let moment): [moment]
                        case .twice(let first, let second): expression.goesByTheHour ? [first, second] : [first]
                        case .never(let jump): expression.goesByTheHour ? [] : [jump]
                        }
                    for moment in moments where moment > after { best = min(best ?? moment, moment) }
                }
            }
        }
        return best
    }

    @Test func theLastBefore() throws {
        let expression = try CronExpression("0 3 1 * *")
        let moment = try #require(RFC3339.parse("2026-11-20T00:00:00Z"))
        let start = try #require(RFC3339.parse("2026-02-01T03:00:00Z"))
        let last = try #require(expression.last(before: moment, notBefore: start, in: .gmt))
        #expect(RFC3339.format(last) == "2026-11-01T03:00:00.000Z")
        #expect(expression.last(before: start, notBefore: start, in: .gmt) == start)
        #expect(expression.last(before: moment, notBefore: moment - 1, in: .gmt) == nil)
    }
}
