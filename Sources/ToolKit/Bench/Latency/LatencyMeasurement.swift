import Commands
import Foundation
import Synchronization

/// Sends at a steady rate and watches the results topic from its end on.
struct LatencyMeasurement {
    enum Subject: String, Sendable { case yardstick, engine }

    let cluster: BenchCluster
    let rate: Int
    let seconds: Int
    let warmUp: Int
    let keys: Int
    let concurrency: Int?

    struct Outcome {
        var summary: LatencySummary
        /// Commands that were to be measured and whose result was not seen within 10 s after the last was sent.
        var missing: Int
    }

    func run(_ kind: Subject) throws -> Outcome {
        let group = BenchCluster.group("latency.\(kind)")
        try self.cluster.skipToEnd(group: group)
        let subject =
            switch kind {
            case .yardstick: try BenchSubject.yardstick(self.cluster, group: group, progress: 200)
            case .engine:
                try BenchSubject.engine(self.cluster, group: group, concurrency: self.concurrency, progress: 200)
            }
        defer { subject.stop() }
        try subject.waitForAssignment()

        let observer = try Observer(cluster: self.cluster)
        let keys = self.keys
        let first = self.rate * self.warmUp
        let last = first + self.rate * self.seconds
        // The time in a command is the one it was meant to leave at: a sender held up by the system counts as latency.
        let feed = CommandFeed(cluster: self.cluster, pace: .perSecond(Double(self.rate)), linger: 1) { index, time in
            let note = index >= first && index < last ? time : 0
            return (KeyedCell.key(index, keys: keys), #"{"echo":{"t":\#(note)}}"#)
        }
        BenchClock.sleep(milliseconds: (self.warmUp + self.seconds) * 1000)
        while feed.sent < last { BenchClock.sleep(milliseconds: 5) }
        try feed.stop()
        let times = try observer.finish(expecting: last - first)
        return Outcome(summary: LatencySummary(times), missing: last - first - times.count)
    }

    /// Reads results on a thread of its own and notes how old each command is by then.
    private final class Observer: Sendable {
        private let times = Mutex<[Int64]>([])
        private let failure = Mutex<(any Error)?>(nil)
        private let limit = Mutex(Date.distantFuture)
        private let expected = Atomic<Int>(.max)
        private let ended = DispatchSemaphore(value: 0)

        init(cluster: BenchCluster) throws {
            let reader = try cluster.reader("lab.results", from: .end)
            let thread = Thread {
                do {
                    while Date() < self.limit.withLock({ $0 }) {
                        if try reader.read(until: Date(timeIntervalSinceNow: 0.5), take: self.take) { break }
                    }
                } catch {
                    self.failure.withLock { $0 = error }
                }
                reader.close()
                self.ended.signal()
            }
            thread.name = "bench-observer"
            thread.start()
        }

        private func take(_ record: Record) -> Bool {
            let now = BenchClock.now()
            guard let sent = JSONScan.integer("t", in: record[record.value]), sent > 0 else { return false }
            return self.times.withLock { times in
                times.append(now - sent)
                return times.count >= self.expected.load(ordering: .relaxed)
            }
        }

        func finish(expecting count: Int) throws -> [Int64] {
            self.expected.store(count, ordering: .relaxed)
            let isComplete = self.times.withLock { $0.count >= count }
            self.limit.withLock { $0 = Date(timeIntervalSinceNow: isComplete ? 0 : 10) }
            self.ended.wait()
            if let failure = self.failure.withLock({ $0 }) { throw failure }
            return self.times.withLock { $0 }
        }
    }
}
