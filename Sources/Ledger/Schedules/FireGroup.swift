import Logging
import PostgresClient

/// What one transaction of a runner writes.
struct FireGroup {
    /// Of the commands' data.
    private(set) var bytes = 0
    private var ids: [String] = []
    private var nexts: [PostgresTimestamp?] = []
    private var fired: [PostgresTimestamp?] = []
    private var missed: [Bool] = []
    private var resting: [Bool] = []
    private var topics: [String] = []
    private var keys: [String?] = []
    private var values: [[UInt8]] = []
    private var headers: [String] = []

    init() {}

    /// - Parameters:
    ///   - rows: The columns of schedules, and `now`, the database's time.
    ///   - ahead: They are not due yet, and what is written is committed when they are.
    init(_ rows: PostgresRows, ahead: Bool = false, logger: Logger) throws {
        for row in rows {
            let now = try row.get("now", as: PostgresTimestamp.self).microseconds
            do {
                let schedule = try Schedule(row)
                let due = schedule.nextDue?.microseconds ?? now
                let decision = DueDecision(
                    try schedule.timing, due: due, now: ahead ? max(now, due) : now, policy: schedule.missedPolicy)
                self.add(schedule, decision)
            } catch {
                let id = try row.get("id", as: String.self)
                logger.error(
                    "a schedule cannot be read and rests: reschedule it",
                    metadata: ["schedule": "\(id)", "error": "\(error)"])
                self.rest(id, next: try row.get("next_due"))
            }
        }
    }

    mutating func add(_ schedule: Schedule, _ decision: DueDecision) {
        self.add(
            schedule.id, next: decision.next.map(PostgresTimestamp.init(microseconds:)),
            fired: decision.fire.map(PostgresTimestamp.init(microseconds:)), missed: decision.isMissed, rests: false)
        guard let due = decision.fire else { return }
        let command = ScheduledCommand(schedule, due: due)
        self.bytes += command.value.count
        self.topics.append(command.topic)
        self.keys.append(command.key)
        self.values.append(command.value)
        self.headers.append(command.headers)
    }

    /// Pauses a schedule that cannot be served.
    mutating func rest(_ id: String, next: PostgresTimestamp?) {
        self.add(id, next: next, fired: nil, missed: true, rests: true)
    }

    private mutating func add(
        _ id: String, next: PostgresTimestamp?, fired: PostgresTimestamp?, missed: Bool, rests: Bool
    ) {
        self.ids.append(id)
        self.nexts.append(next)
        self.fired.append(fired)
        self.missed.append(missed)
        self.resting.append(rests)
    }

    var calls: [PostgresCall] {
        var calls = [
            PostgresCall(
                Self.advance,
                [
                    .texts(self.ids), .timestamps(self.nexts), .timestamps(self.fired), .bools(self.missed),
                    .bools(self.resting),
                ])
        ]
        if !self.topics.isEmpty {
            calls.append(
                PostgresCall(
                    Self.put,
                    [.texts(self.topics), .texts(self.keys), .bytes(self.values), .texts(self.headers)]))
        }
        return calls
    }

    private static let advance: PostgresStatement = """
        UPDATE adjutant.schedules s SET
            next_due = d.next_due,
            last_due = coalesce(d.fired, s.last_due),
            last_fired_at = CASE WHEN d.fired IS NULL THEN s.last_fired_at
                ELSE greatest(clock_timestamp(), s.next_due) END,
            fired = s.fired + (d.fired IS NOT NULL)::int,
            missed = s.missed + d.missed::int,
            paused_at = CASE WHEN d.rests THEN clock_timestamp() END,
            revision = s.revision + 1
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bool[], $5::bool[])
            AS d(id, next_due, fired, missed, rests)
        WHERE s.id = d.id
        """

    /// As `adjutant.outbox_put` does it, but all rows in one statement: a call of that costs several times as much.
    private static let put: PostgresStatement = """
        INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values)
        SELECT o.topic, convert_to(o.key, 'UTF8'), o.value, h.names, h.texts
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) WITH ORDINALITY
            AS o(topic, key, value, headers, place)
        CROSS JOIN LATERAL (
            SELECT array_agg(j.key ORDER BY j.key) AS names, array_agg(convert_to(j.value, 'UTF8') ORDER BY j.key) AS texts
            FROM jsonb_each_text(o.headers::jsonb) j) h
        ORDER BY o.place
        """
}
