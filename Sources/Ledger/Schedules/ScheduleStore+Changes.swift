import Commands
import Foundation
import PostgresClient

extension ScheduleStore {
    /// Lets a schedule rest; what falls due meanwhile is not fired.
    ///
    /// - Throws: ``LedgerError`` when there is none, or nothing more is to come of it.
    @discardableResult
    package func pause(_ idOrName: String) async throws -> Schedule {
        try await self.change(idOrName) { schedule, _ in
            try Self.expectOpen(schedule)
            return Change(due: schedule.nextDue, isPaused: true)
        }
    }

    /// Lets a paused schedule go on: a cron expression with its next due time from now on, one that is due once at its
    /// time, or by its policy when that has passed.
    @discardableResult
    package func resume(_ idOrName: String) async throws -> Schedule {
        try await self.change(idOrName) { schedule, now in
            try Self.expectOpen(schedule)
            guard schedule.pausedAt != nil, case .cron(let expression, let zone) = try schedule.timing else {
                return Change(due: schedule.nextDue)
            }
            let due = expression.next(after: now, in: zone)
            return Change(due: due.map(PostgresTimestamp.init(microseconds:)))
        }
    }

    /// Ends a schedule for good; what it has sent already is not called back.
    @discardableResult
    package func cancel(_ idOrName: String) async throws -> Schedule {
        try await self.change(idOrName) { schedule, _ in
            try Self.expectOpen(schedule)
            return Change(due: nil, isCancelled: true)
        }
    }

    /// Gives a schedule another time; one that has fired its only time fires once more then.
    @discardableResult
    package func reschedule(_ idOrName: String, to timing: ScheduleTiming) async throws -> Schedule {
        try await self.change(idOrName) { schedule, now in
            guard schedule.cancelledAt == nil else {
                throw LedgerError(.conflict, "schedule \(schedule.id) is cancelled")
            }
            guard let due = timing.firstDue(after: now) else {
                throw LedgerError(.invalid, "the cron expression is never due")
            }
            return Change(
                due: PostgresTimestamp(microseconds: due), isPaused: schedule.pausedAt != nil, timing: timing)
        }
    }

    private struct Change {
        var due: PostgresTimestamp?
        var isPaused = false
        var isCancelled = false
        /// Nil leaves it.
        var timing: ScheduleTiming?
    }

    private static func expectOpen(_ schedule: Schedule) throws(LedgerError) {
        switch schedule.state {
        case .active, .paused: return
        case .done: throw LedgerError(.conflict, "schedule \(schedule.id) has fired already")
        case .cancelled: throw LedgerError(.conflict, "schedule \(schedule.id) is cancelled")
        }
    }

    /// Reads, decides and writes; again from the start when the schedule fired or was changed in between.
    private func change(
        _ idOrName: String, _ decide: (Schedule, _ now: Int64) throws -> Change
    ) async throws -> Schedule {
        let update = PostgresStatement(
            trusted: """
                UPDATE adjutant.schedules SET next_due = $3,
                    paused_at = CASE WHEN $4 THEN coalesce(paused_at, clock_timestamp()) END,
                    cancelled_at = CASE WHEN $5 THEN clock_timestamp() END,
                    cron = CASE WHEN $6 THEN $7 ELSE cron END,
                    time_zone = CASE WHEN $6 THEN $8 ELSE time_zone END,
                    revision = revision + 1
                WHERE id = $1 AND revision = $2
                RETURNING \(Schedule.columns)
                """)
        while true {
            guard let schedule = try await self.find(idOrName) else {
                throw LedgerError(.notFound, "there is no schedule \(idOrName)")
            }
            let now = try await self.now()
            let change = try decide(schedule, now)
            let call = PostgresCall(
                update,
                [
                    .text(schedule.id), .int64(schedule.revision),
                    .optional(change.due, PostgresValue.timestamp), .bool(change.isPaused),
                    .bool(change.isCancelled), .bool(change.timing != nil),
                    .optional(change.timing?.cron?.text, PostgresValue.text),
                    .text(change.timing?.zone.scheduleName ?? ""),
                ])
            let due = change.isPaused ? nil : change.due?.microseconds
            let rows = try await self.session.run([call] + Self.notice(due, now: now))
            if let row = rows[0].first { return try Schedule(row) }
        }
    }
}
