import Foundation
import Synchronization

/// Sends commands on a thread of its own until it is stopped.
final class CommandFeed: Sendable {
    enum Pace: Sendable {
        /// So many a second, each at its own time whatever became of those before it.
        case perSecond(Double)
        /// As fast as it goes, up to the number that the closure allows.
        case upTo(@Sendable () -> Int)
    }

    /// Key and data of the n-th command, which is meant to leave at the given time (``BenchClock/now()``).
    typealias Draft = @Sendable (_ index: Int, _ time: Int64) -> (key: String, data: String)

    private let stopRequested = Atomic<Bool>(false)
    private let count = Atomic<Int>(0)
    private let failure = Mutex<(any Error)?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(cluster: BenchCluster, pace: Pace, linger: Int = 1, draft: @escaping Draft) {
        let thread = Thread {
            do {
                let loader = try CommandLoader(cluster: cluster, linger: linger)
                defer { loader.close() }
                switch pace {
                case .perSecond(let rate): try self.sendSteadily(rate, loader, draft)
                case .upTo(let limit): try self.sendUpTo(limit, loader, draft)
                }
                try loader.finish(seconds: 30)
            } catch {
                self.failure.withLock { $0 = error }
            }
            self.ended.signal()
        }
        thread.name = "bench-feed"
        thread.start()
    }

    /// Commands handed to librdkafka so far.
    var sent: Int { self.count.load(ordering: .relaxed) }

    /// Ends the feed once the broker has what was sent; throws what went wrong.
    func stop() throws {
        self.stopRequested.store(true, ordering: .relaxed)
        self.ended.wait()
        if let failure = self.failure.withLock({ $0 }) { throw failure }
    }

    private var isStopping: Bool { self.stopRequested.load(ordering: .relaxed) }

    private func sendSteadily(_ rate: Double, _ loader: CommandLoader, _ draft: Draft) throws {
        let start = BenchClock.now() + 1000
        var index = 0
        while !self.isStopping {
            let now = BenchClock.now()
            var due = start + Int64(Double(index) * 1_000_000 / rate)
            while due <= now {
                let (key, data) = draft(index, due)
                try loader.send(key: key, data: data)
                index += 1
                due = start + Int64(Double(index) * 1_000_000 / rate)
            }
            self.count.store(index, ordering: .relaxed)
            loader.serve(milliseconds: 0)
            usleep(UInt32(min(500, max(50, due - BenchClock.now()))))
        }
    }

    private func sendUpTo(_ limit: () -> Int, _ loader: CommandLoader, _ draft: Draft) throws {
        var index = 0
        while !self.isStopping {
            let end = min(limit(), index + 256)
            let now = BenchClock.now()
            while index < end {
                let (key, data) = draft(index, now)
                try loader.send(key: key, data: data)
                index += 1
            }
            self.count.store(index, ordering: .relaxed)
            loader.serve(milliseconds: 0)
            if index >= limit() { usleep(500) }
        }
    }
}
