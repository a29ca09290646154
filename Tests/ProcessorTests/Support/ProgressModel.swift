import Processor

/// What `PartitionProgress` promises, said as slowly and plainly as possible.
struct ProgressModel {
    let start: Int64
    private(set) var next: Int64
    private(set) var finished: Set<Int64> = []
    private let earlier: Set<Int64>

    init(base: Int64, earlier: Set<Int64> = []) {
        self.start = base
        self.next = base
        self.earlier = earlier
    }

    mutating func take(_ offset: Int64) -> Bool {
        guard offset >= self.next else { return false }
        for skipped in self.next..<offset { self.finished.insert(skipped) }
        self.next = offset + 1
        guard self.earlier.contains(offset) else { return true }
        self.finished.insert(offset)
        return false
    }

    mutating func finish(_ offset: Int64) { self.finished.insert(offset) }

    var base: Int64 {
        var base = self.start
        while base < self.next, self.finished.contains(base) { base += 1 }
        return base
    }

    var unfinished: [Int64] { (self.base..<self.next).filter { !self.finished.contains($0) } }

    /// Everything finished above `base`.
    var completed: Set<Int64> {
        let base = self.base
        return self.finished.filter { $0 > base }.union(self.earlier.filter { $0 >= self.next })
    }
}

extension CompletedSet {
    /// The offsets one by one.
    var offsets: Set<Int64> { Set(self.ranges.joined()) }

    init(_ offsets: some Sequence<Int64>) {
        self.init()
        for offset in offsets.sorted() { self.append(offset..<offset + 1) }
    }
}

/// A `PartitionProgress` behind a reference, so that expectations can call what changes it.
@dynamicMemberLookup
final class Tracked {
    var progress: PartitionProgress

    init(_ progress: PartitionProgress) { self.progress = progress }

    func take(_ offset: Int64) -> Bool { self.progress.take(offset) }
    @discardableResult func finish(_ offset: Int64) -> Bool { self.progress.finish(offset) }
    func isFinished(_ offset: Int64) -> Bool { self.progress.isFinished(offset) }
    func completedAbove() -> CompletedSet { self.progress.completedAbove() }
    subscript<Value>(dynamicMember path: KeyPath<PartitionProgress, Value>) -> Value { self.progress[keyPath: path] }
}
