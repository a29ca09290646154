import Commands
import Foundation

/// Runs cells one after the other on one broker: a yardstick first, then one engine for all of them.
struct KeyedMeasurement {
    let cluster: BenchCluster
    let concurrency: Int
    let seconds: Double

    /// What the raw loop does without any wait, with the same sender beside it.
    func yardstick() throws -> Double {
        let group = BenchCluster.group("keyed.yardstick")
        try self.cluster.skipToEnd(group: group)
        let subject = try BenchSubject.yardstick(self.cluster, group: group)
        defer { subject.stop() }
        try subject.waitForAssignment()
        let ahead = KeyedCell.mostAhead(partitions: self.cluster.partitions)
        let feed = CommandFeed(cluster: self.cluster, pace: .upTo { subject.acknowledged + ahead }) { index, _ in
            (KeyedCell.key(index, keys: 1000), #"{"durationMs":0}"#)
        }
        BenchClock.sleep(milliseconds: 1000)
        let start = BenchClock.now()
        BenchClock.sleep(milliseconds: Int(self.seconds * 1000))
        let rate = subject.rate(from: start, to: BenchClock.now())
        try feed.stop()
        return rate
    }

    /// Starts the engine, at the end of what there is.
    func engine(environment: [String: String] = [:]) throws -> BenchSubject {
        let group = BenchCluster.group("keyed.engine")
        try self.cluster.skipToEnd(group: group)
        let subject = try BenchSubject.engine(
            self.cluster, group: group, concurrency: self.concurrency, environment: environment)
        do {
            try subject.waitForAssignment()
        } catch {
            subject.stop()
            throw error
        }
        return subject
    }

    func measure(_ cell: KeyedCell, on subject: BenchSubject, yardstick: Double) throws -> KeyedFigures {
        let base = subject.acknowledged
        let ahead = cell.ahead(concurrency: self.concurrency, partitions: self.cluster.partitions)
        let data = #"{"durationMs":\#(cell.durationMs)}"#
        let feed = CommandFeed(cluster: self.cluster, pace: .upTo { subject.acknowledged - base + ahead }) { index, _ in
            (KeyedCell.key(index, keys: cell.keys), data)
        }
        BenchClock.sleep(milliseconds: 700)
        let (start, startWall) = (BenchClock.now(), BenchClock.wall())
        BenchClock.sleep(milliseconds: Int(self.seconds * 1000))
        let rate = subject.rate(from: start, to: BenchClock.now())
        try feed.stop()
        let limit = max(10, 3 * Double(ahead) / max(rate, 1))
        try subject.wait(seconds: limit, for: "what was sent is done") { subject.acknowledged - base >= feed.sent }
        let ceiling = cell.ceiling(concurrency: self.concurrency)
        let handler =
            try self.handlerMilliseconds(since: startWall, enough: Int(rate * self.seconds / 2))
            ?? Double(cell.durationMs)
        let realCeiling = ceiling * Double(cell.durationMs) / handler
        return KeyedFigures(
            durationMs: cell.durationMs, partitions: self.cluster.partitions, keys: cell.keys,
            commandsPerSecond: rate.rounded(digits: 1), ceilingPerSecond: ceiling.rounded(digits: 1),
            shareOfCeiling: (rate / ceiling).rounded(digits: 3), handlerMs: handler.rounded(digits: 2),
            shareOfRealCeiling: (rate / realCeiling).rounded(digits: 3),
            ratioToYardstick: (rate / yardstick).rounded(digits: 3))
    }

    /// The mean of what the newest results say of their handlers' time.
    private func handlerMilliseconds(since wall: Int64, enough: Int) throws -> Double? {
        let reader = try self.cluster.reader("lab.results", from: .last(max(20, 1000 / self.cluster.partitions)))
        defer { reader.close() }
        var total: Int64 = 0
        var count: Int64 = 0
        _ = try reader.read(until: Date(timeIntervalSinceNow: 3)) { record in
            let value = record[record.value]
            if let start = JSONScan.integer("startedAt", in: value),
                let end = JSONScan.integer("finishedAt", in: value),
                start >= wall
            {
                total += end - start
                count += 1
            }
            return count >= min(500, enough)
        }
        return count > 0 ? Double(total) / Double(count) / 1000 : nil
    }
}
