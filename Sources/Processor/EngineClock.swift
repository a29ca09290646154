import Foundation

/// The two times the engine needs, in microseconds; tests bring their own.
package struct EngineClock: Sendable {
    /// Unix time.
    package var wall: @Sendable () -> Int64
    /// Never steps back; its zero means nothing.
    package var monotonic: @Sendable () -> Int64

    package init(wall: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Int64) {
        self.wall = wall
        self.monotonic = monotonic
    }

    package static let system = EngineClock(
        wall: { Self.read(CLOCK_REALTIME) }, monotonic: { Self.read(CLOCK_MONOTONIC) })

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
