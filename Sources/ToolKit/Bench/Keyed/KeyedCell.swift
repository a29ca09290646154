import Foundation

/// One cell of the matrix: so long a handler, so many partitions, so many keys.
struct KeyedCell: Sendable {
    var durationMs: Int
    var keys: Int

    /// Handlers that can run at once: commands of one key run one at a time.
    func lanes(concurrency: Int) -> Int { min(concurrency, self.keys) }

    /// Commands a second that handlers of exactly that length allow.
    func ceiling(concurrency: Int) -> Double {
        Double(self.lanes(concurrency: concurrency)) * 1000 / Double(self.durationMs)
    }

    /// Commands to keep under way: a quarter of a second's worth, which the load needs to follow, and two a key, so that
    /// no lane waits for the sender; not more than the embedded broker keeps nor than the engine takes in.
    func ahead(concurrency: Int, partitions: Int) -> Int {
        let lanes = self.lanes(concurrency: concurrency)
        let wanted = max(2 * lanes, Int(self.ceiling(concurrency: concurrency) / 4))
        return min(wanted, Self.mostAhead(partitions: partitions))
    }

    /// These commands are small: 5 MiB hold some 20,000 of them. A partition's look-ahead is 10,000.
    static func mostAhead(partitions: Int) -> Int { min(7000 * partitions, 15_000) }

    /// Keys in turn, so that each has its share at any time.
    static func key(_ index: Int, keys: Int) -> String { "key-\(index % keys)" }
}

/// What came of a cell.
struct KeyedFigures: Encodable, Sendable {
    var durationMs: Int
    var partitions: Int
    var keys: Int
    var commandsPerSecond: Double
    /// Concurrency or keys, whichever is less, over the handler's nominal length.
    var ceilingPerSecond: Double
    var shareOfCeiling: Double
    /// How long the handlers took as they measured it themselves: timers are late, never early.
    var handlerMs: Double
    /// The share when the ceiling counts with the time that handlers took.
    var shareOfRealCeiling: Double
    var ratioToYardstick: Double
}
