import Foundation
import Testing

@testable import Ledger

@Suite struct DueDecisionTests {
    private static let minute: Int64 = 60_000_000
    /// A full hour.
    private static let hour: Int64 = 1_800_000_000_000_000

    private func cron(_ text: String) throws -> ScheduleTiming { .cron(try CronExpression(text), .gmt) }

    @Test("Once: fired when it is due, and late by policy")
    func once() {
        let due = Self.hour
        let timing = ScheduleTiming.at(due)
        let late = due + Self.minute + 1
        #expect(
            DueDecision(timing, due: due, now: due + Self.minute, policy: .skip)
                == DueDecision(fire: due, next: nil, isMissed: false))
        #expect(
            DueDecision(timing, due: due, now: late, policy: .skip)
                == DueDecision(fire: nil, next: nil, isMissed: true))
        #expect(
            DueDecision(timing, due: due, now: late, policy: .fireOnce)
                == DueDecision(fire: due, next: nil, isMissed: true))
    }

    @Test("Cron: each due time, as long as somebody is there", arguments: MissedPolicy.allCases)
    func onTime(policy: MissedPolicy) throws {
        let decision = DueDecision(
            try self.cron("*/5 * * * *"), due: Self.hour, now: Self.hour + 3_000, policy: policy)
        #expect(decision == DueDecision(fire: Self.hour, next: Self.hour + 5 * Self.minute, isMissed: false))
    }

    @Test("Cron: what was missed is fired once, for the latest due time")
    func missedOnce() throws {
        let now = Self.hour + 62 * Self.minute
        let decision = DueDecision(try self.cron("*/15 * * * *"), due: Self.hour, now: now, policy: .fireOnce)
        #expect(
            decision
                == DueDecision(fire: Self.hour + 60 * Self.minute, next: Self.hour + 75 * Self.minute, isMissed: true))
    }

    @Test("Cron: what was missed is skipped; what is due just now is not")
    func missedSkipped() throws {
        let timing = try self.cron("*/15 * * * *")
        let late = DueDecision(timing, due: Self.hour, now: Self.hour + 62 * Self.minute, policy: .skip)
        #expect(late == DueDecision(fire: nil, next: Self.hour + 75 * Self.minute, isMissed: true))
        let justNow = DueDecision(timing, due: Self.hour, now: Self.hour + 60 * Self.minute + 1, policy: .skip)
        #expect(
            justNow
                == DueDecision(fire: Self.hour + 60 * Self.minute, next: Self.hour + 75 * Self.minute, isMissed: true))
    }
}
