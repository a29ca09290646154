import Commands
import Foundation
import Synchronization

/// Watches lab.results on a thread of its own: which command had its outcome when, from which worker, and how often.
final class OutcomeJournal: Sendable {
    private struct State {
        /// Outcomes of each command, by its number.
        var outcomes: [Int64: Int] = [:]
        /// When each worker's first outcome was seen (``BenchClock/now()``).
        var firsts: [String: Int64] = [:]
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let stopRequested = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    init(cluster: BenchCluster) throws {
        let reader = try cluster.reader("lab.results", from: .end)
        let thread = Thread {
            do {
                while !self.stopRequested.load(ordering: .relaxed) {
                    _ = try reader.read(until: Date(timeIntervalSinceNow: 0.2)) { record in
                        self.note(record)
                        return false
                    }
                }
            } catch {
                self.state.withLock { $0.failure = error }
            }
            reader.close()
            self.ended.signal()
        }
        thread.name = "bench-journal"
        thread.start()
    }

    private func note(_ record: Record) {
        let value = record[record.value]
        guard let number = JSONScan.integer("n", in: value), let worker = JSONScan.text("worker", in: value) else {
            return
        }
        let now = BenchClock.now()
        self.state.withLock { state in
            state.outcomes[number, default: 0] += 1
            if state.firsts[worker] == nil { state.firsts[worker] = now }
        }
    }

    /// When a worker's first outcome was seen; a worker is known by the end of its name.
    func firstOutcome(ofWorkerEnding suffix: String) -> Int64? {
        self.state.withLock { state in state.firsts.first { $0.key.hasSuffix(suffix) }?.value }
    }

    /// Commands that have an outcome.
    var count: Int { self.state.withLock { $0.outcomes.count } }

    /// Outcomes beyond the first of each command.
    var repeats: Int { self.state.withLock { $0.outcomes.values.reduce(0) { $0 + $1 - 1 } } }

    func stop() throws {
        self.stopRequested.store(true, ordering: .relaxed)
        self.ended.wait()
        if let failure = self.state.withLock({ $0.failure }) { throw failure }
    }
}
