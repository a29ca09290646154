extension JobRecord {
    /// Whether somebody works on it: its process lives, or, on another host, it was heard of in the last minute.
    ///
    /// - Parameters:
    ///   - moment: Microseconds since 1970.
    ///   - isProcess: Whether a process of this host lives.
    package func isAlive(at moment: Int64, host: String, isProcess: (Int32) -> Bool) -> Bool {
        guard self.state == .running else { return false }
        if self.owner.host == host { return isProcess(self.owner.process) }
        return moment - self.updatedAt < 60_000_000
    }

    /// A job that is stopped, or whose process died, can be taken up again; one that ended cannot.
    package func resumed(by owner: Owner, at moment: Int64) throws(DeadLetterError) -> JobRecord {
        switch self.state {
        case .finished:
            throw DeadLetterError(.conflict, "the job \(self.id) has finished: there is nothing to resume")
        case .cancelled: throw DeadLetterError(.conflict, "the job \(self.id) was cancelled: start another one")
        case .running, .stopped: break
        }
        var job = self
        job.state = .running
        job.note = ""
        job.owner = owner
        job.updatedAt = moment
        return job
    }

    /// Outcomes are looked for from here on: those of what was sent before may have come already.
    ///
    /// - Parameter batch: The last one that was noted.
    package mutating func lookForOutcomes(in ranges: [String: [PartitionRange]], after batch: Int) {
        self.outcomesFrom = ranges
        self.outcomesAfter = batch
    }

    /// The job as it ends for now.
    package func ended(_ state: State, note: String = "", at moment: Int64) -> JobRecord {
        var job = self
        job.state = state
        job.note = note
        job.updatedAt = moment
        if state == .finished || state == .cancelled { job.editedData = nil }
        return job
    }

    /// Letters at most that were sent and whose arrival is not noted: what a crash can repeat.
    ///
    /// Small jobs have less, so that a crash repeats a fifth of one at most, and slow ones what they send in half a second.
    /// A broker takes a record for each partition at a time, so that a small window makes for many small requests.
    package var window: Int {
        let total = Int(clamping: self.ranges.reduce(0) { $0 + $1.count })
        var size = self.options.batch ?? min(max(total / 5, 250), 25_000)
        if let rate = self.options.rate { size = min(size, max(1, Int(rate / 2))) }
        return max(1, size)
    }

    /// Letters that are noted together; the canaries and the limit end a batch.
    package func batchSize(sent: Int) -> Int {
        var size = max(1, self.window / 5)
        if let canary = self.options.canary, !self.canaryPassed, sent < canary { size = min(size, canary - sent) }
        if let limit = self.options.limit { size = min(size, max(0, limit - sent)) }
        return size
    }

    package func isLimitReached(sent: Int) -> Bool { self.options.limit.map { sent >= $0 } ?? false }

    /// Whether the outcomes of the canaries are to be waited for now.
    package func isCanaryDue(sent: Int, isAtEnd: Bool) -> Bool {
        guard let canary = self.options.canary, !self.canaryPassed, sent > 0 else { return false }
        return sent >= canary || isAtEnd
    }
}
