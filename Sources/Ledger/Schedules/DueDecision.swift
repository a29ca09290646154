/// What happens to a schedule whose time has come.
struct DueDecision: Equatable {
    /// The due time that a command is sent for; nil when what was missed is skipped.
    var fire: Int64?
    /// Nil when nothing more is to come.
    var next: Int64?
    /// Due times went by that no command is sent for.
    var isMissed: Bool

    /// A due time that is older than this was missed: nobody was there to serve it.
    static let patience: Int64 = 60_000_000

    /// - Parameters:
    ///   - due: What the schedule waits for; it is not after `now`.
    ///   - now: The database's time. All times are in microseconds since 1970.
    init(_ timing: ScheduleTiming, due: Int64, now: Int64, policy: MissedPolicy) {
        guard case .cron(let expression, let zone) = timing else {
            let isLate = now - due > Self.patience
            self.init(fire: isLate && policy == .skip ? nil : due, next: nil, isMissed: isLate)
            return
        }
        var latest = due
        var next = expression.next(after: due, in: zone)
        if let following = next, following <= now {
            // Of several that have come, the latest stands for all.
            latest = expression.last(before: now, notBefore: due, in: zone) ?? due
            next = expression.next(after: now, in: zone)
        }
        let isLate = now - latest > Self.patience
        self.init(
            fire: isLate && policy == .skip ? nil : latest, next: next, isMissed: isLate || latest != due)
    }

    init(fire: Int64?, next: Int64?, isMissed: Bool) {
        self.fire = fire
        self.next = next
        self.isMissed = isMissed
    }
}
