import Commands
import Foundation
import PostgresClient
import Testing

@testable import Ledger

@Suite(.timeLimit(.minutes(10))) struct ScheduleStoreTests {
    private func daily() throws -> ScheduleTiming { .cron(try CronExpression("@daily"), .gmt) }

    @Test("Times are the database's")
    func timings() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        let before = try await store.now()
        let soon = try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.seconds(600))))
        let after = try await store.now()
        let due = try #require(soon.nextDue?.microseconds)
        #expect((before + 600_000_000...after + 600_000_000).contains(due))
        let cron = try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: self.daily()))
        #expect(cron.nextDue.map { $0.microseconds % 86_400_000_000 } == 0)
        #expect(cron.state == .active)
        // As it was asked for; Foundation calls it otherwise.
        #expect(cron.timeZone == "UTC")
        let there = try TimeZone(scheduleZone: "Europe/Berlin")
        let moved = try await store.reschedule(cron.id, to: .cron(CronExpression("@daily"), there))
        #expect(moved.timeZone == "Europe/Berlin")
        #expect(try await store.reschedule(cron.id, to: self.daily()).timeZone == "UTC")
    }

    @Test("A command's key is the schedule's, else its partition key, so that the order holds")
    func keys() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        for (key, partition, expected) in [
            (nil, nil, nil), (nil, "p", "p"), ("k", "p", "k"), ("k", nil, "k"),
        ] as [(String?, String?, String?)] {
            let schedule = try await store.add(
                ScheduleDraft(
                    domain: "lab", type: "lab.run", key: key,
                    attributes: partition.map { ["partitionkey": $0] } ?? [:], timing: .after(.seconds(600))))
            #expect(ScheduledCommand(schedule, due: 0).key == expected)
        }
    }

    @Test("Pausing, resuming, rescheduling, cancelling")
    func changes() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        let schedule = try await store.add(
            ScheduleDraft(domain: "lab", type: "lab.run", timing: self.daily(), name: "nightly"))
        #expect(try await store.pause("nightly").state == .paused)
        let moved = try await store.reschedule(schedule.id, to: .at(4_000_000_000_000_000))
        #expect(moved.state == .paused)
        #expect(moved.cron == nil)
        #expect(moved.nextDue?.microseconds == 4_000_000_000_000_000)
        let resumed = try await store.resume("nightly")
        #expect(resumed.state == .active)
        #expect(resumed.nextDue?.microseconds == 4_000_000_000_000_000)
        #expect(try await store.cancel("nightly").state == .cancelled)
        #expect(try await store.find("nightly") == nil)
        #expect(try await store.find(schedule.id)?.state == .cancelled)
        for change in [store.pause, store.resume, store.cancel] {
            let error = await #expect(throws: LedgerError.self) { _ = try await change(schedule.id) }
            #expect(error?.kind == .conflict)
        }
        let missing = await #expect(throws: LedgerError.self) { try await store.pause("nobody") }
        #expect(missing?.kind == .notFound)
    }

    @Test("A paused cron schedule goes on with the time that follows, not with those that passed")
    func resumeSkips() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        // Not one whose time may come while the test runs.
        let timing = ScheduleTiming.cron(try CronExpression("@yearly"), .gmt)
        let schedule = try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: timing))
        try await store.pause(schedule.id)
        try await database.connection.query("UPDATE adjutant.schedules SET next_due = '2001-01-01 00:00Z'")
        #expect(try await store.resume(schedule.id).nextDue == schedule.nextDue)
    }

    @Test("Names are unique among those not cancelled, and free again after")
    func names() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        let draft = ScheduleDraft(domain: "lab", type: "lab.run", timing: try self.daily(), name: "nightly")
        try await store.add(draft)
        let error = await #expect(throws: LedgerError.self) { try await store.add(draft) }
        #expect(error?.kind == .conflict)
        try await store.cancel("nightly")
        try await store.add(draft)
    }

    @Test("Part of the caller's transaction")
    func transaction() async throws {
        let database = try await Database.make()
        struct Abandoned: Error {}
        await #expect(throws: Abandoned.self) {
            try await database.connection.transaction { transaction in
                try await ScheduleStore(transaction).add(
                    ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.zero)))
                throw Abandoned()
            }
        }
        #expect(try await database.count("SELECT count(*) FROM adjutant.schedules") == 0)
    }

    @Test("Pages hold every schedule once, whatever is added meanwhile")
    func pages() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        var made: Set<String> = []
        for _ in 0..<25 {
            made.insert(
                try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.seconds(600)))).id)
        }
        var filter = ScheduleFilter()
        filter.state = .active
        var seen: [String] = []
        repeat {
            let page = try await store.list(filter, limit: 10)
            seen += page.rows.map(\.id)
            filter.after = try page.next.map { try PageCursor($0.text) }
            try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.seconds(600))))
        } while filter.after != nil
        #expect(seen.count == 25)
        #expect(Set(seen) == made)
        filter.state = .cancelled
        #expect(try await store.list(filter).rows.isEmpty)
    }
}
