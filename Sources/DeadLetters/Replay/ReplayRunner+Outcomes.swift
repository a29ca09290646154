import Commands
import Processor

extension ReplayRunner {
    /// Reads outcomes from where the job began, so that none is missed after a resume.
    func openWatch() throws {
        var ranges: [String: [PartitionRange]] = [:]
        for (topic, list) in self.job.outcomesFrom {
            ranges[topic] = list.map { PartitionRange(partition: $0.partition, low: $0.low, end: .max) }
        }
        self.watch = OutcomeWatch(domain: self.domain)
        self.outcomeReader = try self.world.source.reader(ranges)
    }

    /// Takes in outcomes; returns how many were final, and whether an attempt failed.
    @discardableResult
    func readOutcomes(milliseconds: Int) throws -> (settled: Int, hasFailure: Bool) {
        guard let reader = self.outcomeReader else { return (0, false) }
        var records: [Record] = []
        try reader.read(milliseconds: milliseconds, into: &records)
        var settled = 0
        var hasFailure = false
        for record in records {
            guard let (lane, outcome) = self.watch?.note(record) else { continue }
            switch outcome {
            case .succeeded: self.job.counts.succeeded += 1
            case .failed:
                self.job.counts.failedAgain += 1
                hasFailure = true
            case .retried:
                hasFailure = true
                continue
            }
            settled += 1
            self.feed.ended(lane: lane)
        }
        return (settled, hasFailure)
    }

    /// Waits for the outcomes of what was sent so far.
    ///
    /// - Returns: Why the job must stop; nil when all of them succeeded.
    func waitForCanaries() throws -> String? {
        let limit = self.world.clock.monotonic() + self.job.options.outcomeTimeout * 1000
        if self.job.counts.failedAgain > 0 { return Self.canaryFailed }
        while let open = self.watch?.open, open > 0 {
            if self.isStopping() { return "interrupted" }
            let result = try self.readOutcomes(milliseconds: 50)
            if result.hasFailure { return Self.canaryFailed }
            if self.world.clock.monotonic() > limit {
                self.isOutOfTime = true
                return "no outcome of \(open) canaries within \(self.job.options.outcomeTimeout / 1000) s; "
                    + "is a worker running?"
            }
            try self.heartbeat()
            self.tellProgress(always: false)
        }
        return nil
    }

    static let canaryFailed = "a canary failed again"

    /// Waits until some letter has its outcome; false when the time is up.
    func waitForOne() throws -> Bool {
        let limit = self.world.clock.monotonic() + self.job.options.outcomeTimeout * 1000
        while try self.readOutcomes(milliseconds: 50).settled == 0 {
            if self.isStopping() { return true }
            if self.world.clock.monotonic() > limit { return false }
            try self.heartbeat()
            self.tellProgress(always: false)
        }
        return true
    }

    /// Waits for all outcomes, as far as they come in time.
    func waitForAll(milliseconds: Int64) throws {
        let limit = self.world.clock.monotonic() + milliseconds * 1000
        while let open = self.watch?.open, open > 0, !self.isStopping(), self.world.clock.monotonic() < limit {
            try self.readOutcomes(milliseconds: 50)
            try self.heartbeat()
            self.tellProgress(always: false)
        }
    }

    /// Letters whose outcome is not known.
    package var openOutcomes: Int { self.watch?.open ?? 0 }

    /// Reads letters by where they lie; those that are gone are left out.
    func load(_ letters: LetterSet, take: (DeadLetter) throws -> Void) throws {
        let reader = try self.world.source.reader([self.job.topic: letters.ranges])
        defer { reader.close() }
        var records: [Record] = []
        while !reader.isComplete {
            records.removeAll(keepingCapacity: true)
            try reader.read(milliseconds: 100, into: &records)
            try self.heartbeat()
            for record in records where letters.contains(partition: record.partition, offset: record.offset) {
                try take(DeadLetter(record))
            }
        }
    }
}
