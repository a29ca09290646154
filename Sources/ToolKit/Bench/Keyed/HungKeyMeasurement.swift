import Foundation
import Synchronization

/// A command that takes a minute among quick ones of 1,000 keys.
struct HungKeyMeasurement {
    struct Report: Encodable {
        var benchmark = "keyed-hung-key"
        var keys: Int
        var durationMs: Int
        var concurrency: Int
        var partitions: Int
        var hangSeconds: Int
        var yardstickPerSecond: Double
        /// Commands a second of the keys that do not hang.
        var othersBefore: Double
        /// Up to the look-ahead limit or the end of the hang.
        var othersDuring: Double
        var lossPercent: Double
        /// Seconds from the hang until the partition first had to wait at its look-ahead limit; absent when it never did.
        var limitAfterSeconds: Double?
        /// Seconds from the hang until it was not read on at all.
        var standstillAfterSeconds: Double?
        /// Commands of others handled between the hang and the limit, or its end.
        var othersHandledPastIt: Int
        /// The same as a course: a figure for each whole second of the hang.
        var othersEachSecond: [Int]
        /// From the end of the hang until all that was sent is done.
        var recoverySeconds: Double
        var loadAverage: Double
    }

    let measurement: KeyedMeasurement
    let hangSeconds: Int
    private static let keys = 1000
    private static let durationMs = 10

    func run() throws -> Report {
        let cluster = self.measurement.cluster
        let yardstick = try self.measurement.yardstick()
        say("yardstick: \(Int(yardstick)) commands a second")
        // A handler's own timeout would end the hang early.
        let subject = try self.measurement.engine(
            environment: ["ADJUTANT_TYPES_LAB_RUN_TIMEOUT": "\(self.hangSeconds + 60)s"])
        defer { subject.stop() }
        let cell = KeyedCell(durationMs: Self.durationMs, keys: Self.keys)
        let ahead = min(3000, cell.ahead(concurrency: self.measurement.concurrency, partitions: 1))
        let base = subject.acknowledged
        let state = Hang()
        let hang = self.hangSeconds * 1000
        // The hung key's commands cannot be done: the sender goes on past them.
        let feed = CommandFeed(
            cluster: cluster, pace: .upTo { subject.acknowledged - base + ahead + state.held.load(ordering: .relaxed) }
        ) { index, _ in
            let key = KeyedCell.key(index, keys: Self.keys)
            guard index % Self.keys == 0, state.isWanted.load(ordering: .relaxed) else {
                return (key, #"{"durationMs":\#(Self.durationMs)}"#)
            }
            state.held.add(1, ordering: .relaxed)
            guard state.begin() else { return (key, #"{"durationMs":\#(Self.durationMs)}"#) }
            return (key, #"{"durationMs":\#(hang)}"#)
        }
        BenchClock.sleep(milliseconds: 2000)
        let beforeStart = BenchClock.now()
        BenchClock.sleep(milliseconds: min(8000, max(3000, hang / 4)))
        let beforeEnd = BenchClock.now()
        let before = subject.rate(from: beforeStart, to: beforeEnd) * Double(Self.keys - 1) / Double(Self.keys)
        say("before: \(Int(before)) commands a second of the others")
        state.isWanted.store(true, ordering: .relaxed)
        try subject.wait(seconds: 30, for: "the hanging command was sent") { state.begunAt != nil }
        let begin = state.begunAt! + 500_000
        let end = begin + Int64(hang) * 1000 - 500_000
        while BenchClock.now() < end { BenchClock.sleep(milliseconds: 50) }
        let samples = subject.samples(from: begin, to: end)
        let limit = Self.paused(samples, forMicroseconds: 0)
        let standstill = Self.paused(samples, forMicroseconds: 500_000)
        let during = subject.rate(from: begin, to: limit ?? end)
        func sinceHang(_ time: Int64) -> Double { (Double(time - begin + 500_000) / 1_000_000).rounded(digits: 1) }
        let past = (samples.last { $0.at <= limit ?? end }?.acknowledged ?? 0) - (samples.first?.acknowledged ?? 0)
        state.isWanted.store(false, ordering: .relaxed)
        try feed.stop()
        try subject.wait(seconds: 120, for: "what was sent is done") { subject.acknowledged - base >= feed.sent }
        return Report(
            keys: Self.keys, durationMs: Self.durationMs, concurrency: self.measurement.concurrency,
            partitions: cluster.partitions, hangSeconds: self.hangSeconds,
            yardstickPerSecond: yardstick.rounded(digits: 0), othersBefore: before.rounded(digits: 0),
            othersDuring: during.rounded(digits: 0), lossPercent: (100 - 100 * during / before).rounded(digits: 2),
            limitAfterSeconds: limit.map(sinceHang), standstillAfterSeconds: standstill.map(sinceHang),
            othersHandledPastIt: past,
            othersEachSecond: stride(from: begin, to: end - 999_000, by: 1_000_000).map {
                Int(subject.rate(from: $0, to: $0 + 1_000_000))
            },
            recoverySeconds: (Double(BenchClock.now() - end) / 1_000_000).rounded(digits: 1),
            loadAverage: BenchClock.loadAverage.rounded(digits: 1))
    }

    /// When the partition began to be paused for so long.
    private static func paused(_ samples: [BenchSubject.Sample], forMicroseconds time: Int64) -> Int64? {
        var since: Int64?
        for sample in samples {
            guard (sample.pausedPartitions ?? 0) > 0 else {
                since = nil
                continue
            }
            let start = since ?? sample.at
            if sample.at - start >= time { return start }
            since = start
        }
        return nil
    }

    /// Shared with the thread that sends.
    private final class Hang: Sendable {
        let isWanted = Atomic<Bool>(false)
        /// Commands of the key that hangs, sent since.
        let held = Atomic<Int>(0)
        private let begun = Mutex<Int64?>(nil)
        var begunAt: Int64? { self.begun.withLock { $0 } }

        /// True once: for the command that is to hang.
        func begin() -> Bool {
            self.begun.withLock { begun in
                guard begun == nil else { return false }
                begun = BenchClock.now()
                return true
            }
        }
    }
}

extension HungKeyMeasurement.Report {
    var lines: [String] {
        var table = TextTable([.init(""), .init("", isRight: true)])
        table.add(["others before the hang", .init("\(self.othersBefore.text(digits: 0)) commands a second")])
        table.add(["others during it", .init("\(self.othersDuring.text(digits: 0)) commands a second")])
        table.add(["loss", .init("\(self.lossPercent.text(digits: 2)) %")])
        table.add([
            "look-ahead limit first reached",
            .init(self.limitAfterSeconds.map { "after \($0.text(digits: 1)) s" } ?? "not reached"),
        ])
        table.add(["handled past the hung command", .init("\(self.othersHandledPastIt) commands")])
        table.add([
            "partition not read on",
            .init(self.standstillAfterSeconds.map { "after \($0.text(digits: 1)) s" } ?? "never"),
        ])
        table.add(["until all was done, after it", .init("\(self.recoverySeconds.text(digits: 1)) s")])
        table.add(["yardstick, no handlers", .init("\(self.yardstickPerSecond.text(digits: 0)) commands a second")])
        return [
            "one key of \(self.keys) hangs for \(self.hangSeconds) s; handlers of \(self.durationMs) ms, concurrency "
                + "\(self.concurrency), \(self.partitions) partitions, load average \(self.loadAverage.text(digits: 1))"
        ] + table.lines(for: .output).dropFirst()
    }
}
