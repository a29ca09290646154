import Commands
import Foundation
import JSONCoding
import PostgresClient

/// Schedules in the database.
///
/// With a transaction as its session, what it does becomes part of that transaction.
package struct ScheduleStore: Sendable {
    let session: any PostgresSession

    package init(_ session: any PostgresSession) { self.session = session }

    /// The channel on which runners are told of earlier due times.
    static let channel = "adjutant_schedules"

    /// Stores a schedule.
    ///
    /// - Throws: ``LedgerError`` when its name is taken or its time never comes; ``PostgresError``.
    @discardableResult
    package func add(_ draft: ScheduleDraft) async throws -> Schedule {
        let now = try await self.now()
        guard let due = draft.timing.firstDue(after: now) else {
            throw LedgerError(.invalid, "the cron expression is never due")
        }
        let columns = Schedule.columns
        let insert = PostgresStatement(
            trusted: """
                INSERT INTO adjutant.schedules
                    (id, name, domain, type, key, data, attributes, cron, time_zone, missed_policy, next_due, created_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                RETURNING \(columns)
                """)
        do {
            let call = PostgresCall(
                insert,
                [
                    .text(Identifier.commandID(at: now)), .optional(draft.name, PostgresValue.text),
                    .text(draft.domain.rawValue), .text(draft.type.rawValue),
                    .optional(draft.key, PostgresValue.text), .bytes(draft.data),
                    .json(Self.json(draft.attributes)),
                    .optional(draft.timing.cron?.text, PostgresValue.text), .text(draft.timing.zone.scheduleName),
                    .text(draft.missedPolicy.rawValue),
                    .timestamp(PostgresTimestamp(microseconds: due)),
                    .optional(draft.createdBy, PostgresValue.text),
                ])
            let rows = try await self.session.run([call] + Self.notice(due, now: now))
            return try Schedule(rows[0].only)
        } catch let error as PostgresError where error.constraint == "schedules_name" {
            throw LedgerError(.conflict, "there is a schedule of the name \(draft.name ?? "") already")
        }
    }

    /// A schedule by its id, or by its name if it is not cancelled.
    package func find(_ idOrName: String) async throws -> Schedule? {
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(Schedule.columns) FROM adjutant.schedules
                    WHERE id = $1 OR (name = $1 AND cancelled_at IS NULL)
                    ORDER BY id = $1 DESC LIMIT 1
                    """), [.text(idOrName)])
        return try rows.first.map(Schedule.init)
    }

    /// Schedules, the newest first.
    package func list(_ filter: ScheduleFilter = ScheduleFilter(), limit: Int = 100) async throws -> Page<Schedule> {
        var conditions = Conditions()
        if let domain = filter.domain { conditions.add("domain = ?", .text(domain)) }
        if let type = filter.type { conditions.add("type = ?", .text(type)) }
        switch filter.state {
        case .active?: conditions.add("next_due IS NOT NULL AND paused_at IS NULL AND cancelled_at IS NULL")
        case .paused?: conditions.add("next_due IS NOT NULL AND paused_at IS NOT NULL AND cancelled_at IS NULL")
        case .done?: conditions.add("next_due IS NULL AND cancelled_at IS NULL")
        case .cancelled?: conditions.add("cancelled_at IS NOT NULL")
        case nil: break
        }
        if let cursor = filter.after {
            conditions.add("(created_at, id) < (?, ?)", .timestamp(cursor.time), .text(cursor.id))
        }
        let size = conditions.parameter(.int(limit + 1))
        let rows = try await self.session.query(
            PostgresStatement(
                trusted: """
                    SELECT \(Schedule.columns) FROM adjutant.schedules \(conditions.clause)
                    ORDER BY created_at DESC, id DESC LIMIT \(size)
                    """, isPrepared: false), conditions.parameters)
        var schedules = try rows.map(Schedule.init)
        guard schedules.count > limit else { return Page(rows: schedules, next: nil) }
        schedules.removeLast(schedules.count - limit)
        return Page(
            rows: schedules, next: schedules.last.map { PageCursor(time: $0.createdAt, id: $0.id) })
    }

    func now() async throws -> Int64 {
        try await self.session.query("SELECT clock_timestamp()").only.get(0, as: PostgresTimestamp.self).microseconds
    }

    /// Tells the runners of a due time that they might sleep past, once the transaction is committed.
    ///
    /// Only then: transactions that notify wait for one another to commit.
    static func notice(_ due: Int64?, now: Int64) -> [PostgresCall] {
        guard let due, due - now < 2 * ScheduleRunner.longestSleep.wholeMicroseconds else { return [] }
        return [PostgresCall("SELECT pg_notify($1, '')", [.text(Self.channel)])]
    }

    private static func json(_ attributes: [String: String]) -> String {
        var writer = JSONWriter()
        writer.value(.object(attributes.mapValues { .string($0) }))
        return String(decoding: writer.finish(), as: UTF8.self)
    }
}

/// Which schedules to list.
package struct ScheduleFilter: Sendable {
    package var domain: String?
    package var type: String?
    package var state: Schedule.State?
    package var after: PageCursor?

    package init() {}
}
