/// Notices a server that has not answered for longer than its own limits allow.
struct Silence {
    private let limit: Duration
    private var progress = 0
    private var since: ContinuousClock.Instant?

    init(limit: Duration) { self.limit = limit }

    mutating func isExceeded(by state: ConnectionState) -> Bool {
        guard let current = state.current, !current.takesRows else {
            self.since = nil
            return false
        }
        let now = ContinuousClock.now
        guard let since, self.progress == state.progress else {
            self.since = now
            self.progress = state.progress
            return false
        }
        return now - since > self.limit
    }
}
