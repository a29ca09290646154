import Processor
import Synchronization

/// A clock that stands still until a test moves it. Both of its times run together, unless the wall clock is put wrong.
final class ManualClock: Sendable {
    private let now = Atomic<Int64>(0)
    /// How much the wall clock is ahead, in microseconds.
    let error = Atomic<Int64>(0)
    /// 2026-01-01T00:00:00Z, in microseconds.
    static let start: Int64 = 1_767_225_600_000_000

    var clock: EngineClock {
        EngineClock(
            wall: {
                Self.start + self.now.load(ordering: .sequentiallyConsistent)
                    + self.error.load(ordering: .sequentiallyConsistent)
            },
            monotonic: { 1_000_000 + self.now.load(ordering: .sequentiallyConsistent) })
    }

    /// Unix time in milliseconds.
    var milliseconds: Int64 { (Self.start + self.now.load(ordering: .sequentiallyConsistent)) / 1000 }

    func advance(milliseconds: Int64) { self.now.add(milliseconds * 1000, ordering: .sequentiallyConsistent) }
}
