import Foundation

/// Percentiles of measured times.
struct LatencySummary: Encodable, Sendable {
    var count: Int
    /// Milliseconds.
    var p50: Double
    var p99: Double
    var p999: Double
    var max: Double

    /// - Parameter microseconds: One entry a command; sorted here.
    init(_ microseconds: [Int64]) {
        let sorted = microseconds.sorted()
        func at(_ share: Double) -> Double {
            guard !sorted.isEmpty else { return 0 }
            // The nearest rank: the smallest entry that so many of all do not exceed.
            let rank = min(sorted.count - 1, Swift.max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))
            return (Double(sorted[rank]) / 1000).rounded(digits: 2)
        }
        self.count = sorted.count
        self.p50 = at(0.5)
        self.p99 = at(0.99)
        self.p999 = at(0.999)
        self.max = at(1)
    }
}
