import Commands
import Foundation
import JSONCoding
import Logging
import PostgresClient
import Testing

@testable import Ledger

@Suite(.timeLimit(.minutes(10))) struct ScheduleRunnerTests {
    /// Runs the body beside runners that end with it.
    private func withRunners(
        _ count: Int, on database: Database, longestSleep: Duration = ScheduleRunner.longestSleep, groupSize: Int = 200,
        _ body: @Sendable ([Task<Void, Never>]) async throws -> Void
    ) async throws {
        let runners = (0..<count).map { number in
            var configuration = database.configuration
            configuration.applicationName = "runner-\(number)"
            let runner = ScheduleRunner(
                configuration, groupSize: groupSize, longestSleep: longestSleep, logger: Database.logger)
            return Task { await runner.run() }
        }
        defer { for runner in runners { runner.cancel() } }
        try await body(runners)
        for runner in runners {
            runner.cancel()
            await runner.value
        }
    }

    @Test("10,000 due in the same seconds, three runners, one killed: each fires once, none early")
    func thousands() async throws {
        let database = try await Database.make()
        try await Self.add(10_000, to: database, due: "clock_timestamp() + interval '1 second' + n * interval '0.2 ms'")
        try await self.withRunners(3, on: database) { runners in
            // Killed in the middle of it: its sessions end, and it does not come back.
            while try await database.count("SELECT count(*) FROM adjutant.outbox") < 2000 {
                try await Task.sleep(for: .milliseconds(2))
            }
            try await Self.kill(runners[0], on: database)
            try await database.wait(for: 10_000, seconds: 60, "SELECT count(*) FROM adjutant.outbox")
        }
        try await Self.expectEachOnce(10_000, in: database)
    }

    @Test("10,000 due at one instant, three runners, one killed while it waits for it: each fires once, none early")
    func instant() async throws {
        let database = try await Database.make()
        try await Self.add(10_000, to: database, due: "date_trunc('second', statement_timestamp()) + interval '4 s'")
        try await self.withRunners(3, on: database) { runners in
            // What it has written for the moment to come is undone with it.
            let held: PostgresStatement = """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'runner-0' AND state <> 'idle' AND query ~ 'INSERT|pg_sleep_until'
                """
            let fired: PostgresStatement = "SELECT count(*) FROM adjutant.outbox"
            while try await database.count(held) == 0, try await database.count(fired) == 0 {
                try await Task.sleep(for: .milliseconds(2))
            }
            try await Self.kill(runners[0], on: database)
            try await database.wait(for: 10_000, seconds: 60, fired)
        }
        try await Self.expectEachOnce(10_000, in: database)
    }

    private static func add(_ count: Int, to database: Database, due: String) async throws {
        try await database.connection.query(
            PostgresStatement(
                trusted: """
                    INSERT INTO adjutant.schedules (id, domain, type, key, data, next_due)
                    SELECT 's' || n, 'lab', 'lab.run', 'k' || n % 100, convert_to('{"n":' || n || '}', 'UTF8'), \(due)
                    FROM generate_series(1, $1::int8) n
                    """), [.int(count)])
    }

    private static func kill(_ runner: Task<Void, Never>, on database: Database) async throws {
        _ = try await database.count(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'runner-0'
            """)
        runner.cancel()
    }

    private static func expectEachOnce(_ count: Int, in database: Database) async throws {
        #expect(try await database.count("SELECT count(*) FROM adjutant.schedules WHERE next_due IS NOT NULL") == 0)
        #expect(try await database.count("SELECT count(*) FROM adjutant.outbox") == count)
        #expect(try await database.count(Self.distinct("ce_id")) == count)
        #expect(try await database.count(Self.distinct("ce_scheduleid")) == count)
        #expect(try await database.count("SELECT count(*) FROM adjutant.schedules WHERE fired <> 1") == 0)
        #expect(try await database.count("SELECT count(*) FROM adjutant.schedules WHERE last_fired_at < last_due") == 0)
        let late: PostgresStatement = """
            SELECT min(s.late)::float8, percentile_disc(0.99) WITHIN GROUP (ORDER BY s.late)::float8, max(s.late)::float8
            FROM (
                SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - last_due) AS late FROM adjutant.schedules
            ) s
            """
        let row = try await database.connection.query(late).only
        // Nobody sees the command before the transaction has committed that fires it.
        #expect(try row.get(0, as: Double.self) >= 0)
        // How late is a matter of the machine's load: told, not asserted.
        let (most, last) = (try row.get(1, as: Double.self), try row.get(2, as: Double.self))
        let text =
            "\(count) schedules: 99 of 100 were fired within \(most) s of their time, the last within \(last) s\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// How many values a header has in the outbox.
    private static func distinct(_ header: String) -> PostgresStatement {
        PostgresStatement(
            trusted: """
                SELECT count(DISTINCT header_values[array_position(header_names, '\(header)')]) FROM adjutant.outbox
                """)
    }

    @Test("What is due together is committed together, and its relays are told")
    func crowd() async throws {
        let database = try await Database.make()
        let crowd = ScheduleCrowd(groupSize: 100, logger: Database.logger)
        let listener = PostgresListener(
            database.configuration, channels: ["adjutant_outbox"], logger: Database.logger)
        let listening = Task { await listener.run() }
        defer { listening.cancel() }
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .listening)
        // Others that are due at about the time, and are none of it.
        try await Self.add(ScheduleCrowd.least - 1, to: database, due: "clock_timestamp() + interval '1 hour'")
        #expect(try await crowd.serve(database.connection) == 0)
        // More than one try only when the machine takes longer than the look-ahead for it.
        repeat {
            try await database.connection.query("DELETE FROM adjutant.schedules")
            try await database.connection.query("DELETE FROM adjutant.outbox")
            try await Self.add(200, to: database, due: "statement_timestamp() + interval '1.4 s'")
            // Fewer of them, and earlier: they are served when they are due.
            try await database.connection.query(
                """
                INSERT INTO adjutant.schedules (id, domain, type, data, next_due)
                SELECT 'e' || n, 'lab', 'lab.run', '', statement_timestamp() + interval '1 s'
                FROM generate_series(1, $1::int8) n
                """, [.int(ScheduleCrowd.least)])
        } while try await crowd.serve(database.connection) < 200
        #expect(try await database.count("SELECT count(DISTINCT xmin::text) FROM adjutant.outbox") == 1)
        try await database.connection.query("DELETE FROM adjutant.schedules WHERE id LIKE 'e%'")
        try await Self.expectEachOnce(200, in: database)
        guard case .notified = await events.next() else {
            Issue.record("the relays were not told")
            return
        }
    }

    @Test("A schedule that nobody was notified of fires all the same")
    func unnotified() async throws {
        let database = try await Database.make()
        try await self.withRunners(1, on: database) { _ in
            for number in 1...20 {
                try await database.connection.query(
                    """
                    INSERT INTO adjutant.schedules (id, domain, type, data, next_due)
                    VALUES ($1, 'lab', 'lab.run', '{}', clock_timestamp())
                    """, [.text("s\(number)")])
                try await database.wait(for: number, "SELECT count(*) FROM adjutant.outbox")
            }
        }
        try await Self.expectEachOnce(20, in: database)
    }

    @Test("A new schedule wakes a runner that sleeps for long")
    func notified() async throws {
        let database = try await Database.make()
        try await self.withRunners(1, on: database, longestSleep: .seconds(600)) { _ in
            try await database.wait(
                for: 1,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'runner-0' AND query LIKE 'LISTEN%'"
            )
            let store = ScheduleStore(database.connection)
            try await store.add(
                ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.milliseconds(50))))
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
        }
    }

    @Test("A runner whose sessions are ended comes back")
    func reconnects() async throws {
        let database = try await Database.make()
        try await self.withRunners(1, on: database) { _ in
            try await database.wait(
                for: 3,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'runner-0'"
            )
            _ = try await database.count(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'runner-0'"
            )
            try await ScheduleStore(database.connection).add(
                ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.zero)))
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
        }
    }

    @Test("What fires is a command in CloudEvents' binary mode, with an id of its due time")
    func command() async throws {
        let database = try await Database.make()
        let due = try #require(RFC3339.parse("2026-01-01T00:00:00Z"))
        let schedule = try await ScheduleStore(database.connection).add(
            ScheduleDraft(
                domain: "commerce", type: "user.delete", key: "u-1", data: Array(#"{"userId":"u-1"}"#.utf8),
                attributes: ["actor": "ann", "tenant": "t1"], timing: .at(due)))
        try await self.withRunners(2, on: database) { _ in
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
        }
        let row = try await database.connection.query(
            """
            SELECT topic, convert_from(key, 'UTF8'), convert_from(value, 'UTF8'),
                (SELECT jsonb_object_agg(n, convert_from(v, 'UTF8')) FROM unnest(header_names, header_values) h(n, v))
            FROM adjutant.outbox
            """
        ).only
        #expect(try row.get(0, as: String.self) == "commerce.commands")
        #expect(try row.get(1, as: String.self) == "u-1")
        #expect(try row.get(2, as: String.self) == #"{"userId":"u-1"}"#)
        let headers = try FastJSONDecoder().decode([String: String].self, from: Array(row.get(3, as: String.self).utf8))
        #expect(
            headers == [
                "content-type": "application/json", "ce_specversion": "1.0", "ce_type": "user.delete",
                "ce_source": "adjutant/commerce/schedules", "ce_time": "2026-01-01T00:00:00.000Z", "ce_actor": "ann",
                "ce_tenant": "t1", "ce_scheduleid": schedule.id, "ce_causationid": schedule.id,
                "ce_id": ScheduledCommand.id(schedule: schedule.id, due: due),
            ])
    }

    @Test("Missed due times are fired once or skipped, and cron goes on")
    func missed() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        for (name, policy) in [("fires", MissedPolicy.fireOnce), ("skips", .skip)] {
            try await store.add(
                ScheduleDraft(
                    domain: "lab", type: "lab.run", timing: .cron(CronExpression("0 0 1 1 *"), .gmt), name: name,
                    missedPolicy: policy))
        }
        try await database.connection.query("UPDATE adjutant.schedules SET next_due = '2001-01-01 00:00Z'")
        try await self.withRunners(2, on: database) { _ in
            try await database.wait(for: 2, "SELECT count(*) FROM adjutant.schedules WHERE next_due > now()")
        }
        let fires = try #require(try await store.find("fires"))
        let skips = try #require(try await store.find("skips"))
        #expect(fires.fired == 1)
        #expect(fires.missed == 1)
        #expect(skips.fired == 0)
        #expect(skips.missed == 1)
        #expect(fires.state == .active)
        #expect(try await database.count("SELECT count(*) FROM adjutant.outbox") == 1)
    }

    @Test("A schedule that this program cannot read rests; the others fire")
    func unreadable() async throws {
        let database = try await Database.make()
        let store = ScheduleStore(database.connection)
        let bad = try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.zero)))
        try await database.connection.query("UPDATE adjutant.schedules SET cron = 'every other tuesday'")
        try await store.add(ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.zero)))
        try await self.withRunners(1, on: database) { _ in
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.schedules WHERE paused_at IS NOT NULL")
        }
        #expect(try await store.find(bad.id)?.state == .paused)
    }

    @Test("A schedule whose attributes are no texts rests with its due time; the others fire")
    func unreadableAttributes() async throws {
        let database = try await Database.make()
        try await database.connection.query(
            """
            INSERT INTO adjutant.schedules (id, domain, type, data, attributes, next_due)
            VALUES ('bad', 'lab', 'lab.run', '{}', '{"a": 1}', clock_timestamp() - interval '1 second'),
                ('good', 'lab', 'lab.run', '{}', '{}', clock_timestamp())
            """)
        try await self.withRunners(1, on: database) { _ in
            try await database.wait(for: 1, "SELECT count(*) FROM adjutant.outbox")
            try await database.wait(
                for: 1,
                """
                SELECT count(*) FROM adjutant.schedules
                WHERE id = 'bad' AND paused_at IS NOT NULL AND next_due < clock_timestamp()
                """)
        }
        #expect(try await database.count("SELECT fired FROM adjutant.schedules WHERE id = 'good'") == 1)
    }
}
