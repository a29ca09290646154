import Glibc

/// The machine's monotonic clock: the same in every process of a measurement.
enum BenchClock {
    /// Microseconds.
    static func now() -> Int64 { self.read(CLOCK_MONOTONIC) }

    /// Microseconds since 1970.
    static func wall() -> Int64 { self.read(CLOCK_REALTIME) }

    static func sleep(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

    /// The machine's load average over the last minute, told with figures that it may have spoilt.
    static var loadAverage: Double {
        var load = 0.0
        return getloadavg(&load, 1) == 1 ? load : -1
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
