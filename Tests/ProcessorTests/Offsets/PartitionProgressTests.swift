import Processor
import Testing

@Suite struct PartitionProgressTests {
    @Test func finishingInOrderMovesTheBase() {
        let progress = Tracked(PartitionProgress(base: 10))
        for offset: Int64 in 10..<14 { #expect(progress.take(offset)) }
        #expect(progress.base == 10)
        #expect(progress.unfinished == 4)
        for offset: Int64 in 10..<14 {
            #expect(progress.finish(offset))
            #expect(progress.base == offset + 1)
        }
        #expect(progress.unfinished == 0)
        #expect(!progress.hasCompletedAbove)
    }

    @Test func theLastOneToFinishMovesTheBaseOverAllThatFinishedBefore() {
        let progress = Tracked(PartitionProgress(base: 5))
        for offset: Int64 in 5..<8 { #expect(progress.take(offset)) }
        #expect(!progress.finish(6))
        #expect(!progress.finish(7))
        #expect(progress.hasCompletedAbove)
        #expect(progress.finish(5))
        #expect(progress.base == 8)
        #expect(!progress.hasCompletedAbove)
        #expect(progress.take(8))
        #expect(progress.finish(8))
        #expect(progress.base == 9)
    }

    @Test func offsetsThatNeverArriveCountAsFinished() {
        let progress = Tracked(PartitionProgress(base: 0))
        #expect(progress.take(5_000_000_000))
        #expect(progress.base == 5_000_000_000)
        #expect(progress.take(5_000_010_000))
        #expect(progress.finish(5_000_000_000))
        #expect(progress.base == 5_000_010_000)
        #expect(progress.finish(5_000_010_000))
        #expect(progress.take(9_000_000_000))
        #expect(progress.base == 9_000_000_000)
    }

    /// Compaction or an aborted transaction of that size: a bit for each offset would be gigabytes.
    @Test func aHugeGapAboveAnUnfinishedOffsetCostsNothing() throws {
        let far: Int64 = 100_000_000_000
        let progress = Tracked(PartitionProgress(base: 7))
        #expect(progress.take(7))
        for index: Int64 in 1...20 { #expect(progress.take(index * far)) }
        #expect(progress.base == 7)
        #expect(progress.unfinished == 21)
        #expect(progress.isFinished(far / 2))
        for index: Int64 in 1...20 {
            #expect(!progress.isFinished(index * far))
            if index % 2 == 0 { progress.finish(index * far) }
        }
        let set = progress.completedAbove()
        // From one unfinished offset to the next; two gaps and what lies finished between them are one range.
        var expected: [Range<Int64>] = [8..<far]
        for index: Int64 in 1...9 { expected.append((2 * index - 1) * far + 1..<(2 * index + 1) * far) }
        expected.append(19 * far + 1..<20 * far + 1)
        #expect(set.ranges == expected)
        let metadata = set.metadata(base: 7)
        #expect(try #require(CompletedSet(metadata: metadata, base: 7)) == set)
        #expect(!progress.isNearMetadataLimit)
        // The next owner.
        progress.progress = PartitionProgress(base: 7, completed: set)
        #expect(progress.take(7))
        for index: Int64 in 1...20 { #expect(progress.take(index * far) == (index % 2 == 1)) }
        #expect(progress.completedAbove() == set)
        for index: Int64 in stride(from: 19, to: 0, by: -2) { #expect(!progress.finish(index * far)) }
        #expect(progress.finish(7))
        #expect(progress.base == 20 * far + 1)
        #expect(!progress.hasCompletedAbove)
    }

    /// As the model does, with gaps drawn out: an offset of the model stands for itself and all gaps below it.
    @Test(arguments: 0..<20) func hugeGapsChangeNothing(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let start = Int64.random(in: 0...200, using: &random)
        let progress = Tracked(PartitionProgress(base: start))
        var model = ProgressModel(base: start)
        var gaps: [(end: Int64, more: Int64)] = []
        func real(_ offset: Int64) -> Int64 { gaps.reduce(offset) { $1.end <= offset ? $0 + $1.more : $0 } }
        for step in 0..<400 {
            if Int.random(in: 0..<10, using: &random) < 5 {
                var offset = model.next
                if Int.random(in: 0..<6, using: &random) == 0 {
                    offset += .random(in: 1...20, using: &random)
                    let more = Int64.random(in: 1...3, using: &random)
                    gaps.append((offset, [0, 5000, 70_000, 1 << 33][Int(more)] + .random(in: 0...64, using: &random)))
                }
                #expect(progress.take(real(offset)) == model.take(offset))
            } else if let offset = model.unfinished.randomElement(using: &random) {
                let before = model.base
                model.finish(offset)
                #expect(progress.finish(real(offset)) == (model.base != before))
            }
            try #require(progress.base == real(model.base))
            try #require(progress.next == real(model.next - 1) + 1)
            try #require(progress.unfinished == model.unfinished.count)
            guard step % 10 == 0 else { continue }
            let set = progress.completedAbove()
            let unfinished = Set(model.unfinished)
            let wrong = (model.base..<model.next).filter { offset in
                progress.isFinished(real(offset)) == unfinished.contains(offset)
                    || set.contains(real(offset)) == unfinished.contains(offset)
            }
            try #require(wrong == [], "step \(step)")
            for gap in gaps where gap.end > model.base { try #require(set.contains(real(gap.end) - 1)) }
            let metadata = set.metadata(base: progress.base)
            try #require(CompletedSet(metadata: metadata, base: progress.base) == set)
        }
        for offset in model.unfinished.shuffled(using: &random) { progress.finish(real(offset)) }
        #expect(progress.base == real(model.next - 1) + 1)
    }

    @Test func aRecordThatArrivesTwiceIsTakenOnce() {
        let progress = Tracked(PartitionProgress(base: 0))
        #expect(progress.take(0))
        #expect(!progress.take(0))
        progress.finish(0)
        #expect(!progress.take(0))
        #expect(!progress.finish(0))
        #expect(!progress.finish(7))
        #expect(progress.base == 1)
        #expect(progress.unfinished == 0)
    }

    @Test func withoutACommitTheFirstRecordIsTheBase() {
        let progress = Tracked(PartitionProgress(base: 0))
        progress.progress.startAnywhere()
        #expect(progress.take(4711))
        #expect(progress.base == 4711)
        #expect(progress.span == 1)
        progress.finish(4711)
        #expect(progress.base == 4712)
    }

    @Test func whatFinishedEarlierIsNotTakenAgain() {
        let progress = Tracked(PartitionProgress(base: 10, completed: CompletedSet([12, 13, 20])))
        #expect(progress.hasCompletedAbove)
        #expect(progress.completedAbove().offsets == [12, 13, 20])
        #expect(progress.take(10))
        #expect(progress.take(11))
        #expect(!progress.take(12))
        #expect(!progress.take(13))
        #expect(progress.completedAbove().offsets == [12, 13, 20])
        progress.finish(10)
        #expect(progress.finish(11))
        #expect(progress.base == 14)
        #expect(progress.completedAbove().offsets == [20])
    }

    /// Random takes with gaps, finishes in random order, and crashes that leave nothing but the commit's metadata.
    @Test(arguments: 0..<60) func behavesAsTheModelDoes(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let start = Int64.random(in: 0...200, using: &random)
        let progress = Tracked(PartitionProgress(base: start))
        var model = ProgressModel(base: start)
        for step in 0..<400 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45:
                let gap: Int64 = Int.random(in: 0..<8, using: &random) == 0 ? .random(in: 1...150, using: &random) : 0
                let offset = max(0, model.next + gap)
                let isNew = model.take(offset)
                #expect(progress.take(offset) == isNew, "take \(offset) at step \(step)")
            case 45..<98:
                guard let offset = model.unfinished.randomElement(using: &random) else { continue }
                let before = model.base
                model.finish(offset)
                #expect(progress.finish(offset) == (model.base != before), "finish \(offset) at step \(step)")
            default:
                let base = progress.base
                let metadata = progress.hasCompletedAbove ? progress.completedAbove().metadata(base: base) : ""
                let set = try #require(CompletedSet(metadata: metadata, base: base))
                #expect(set.offsets == model.completed, "metadata at step \(step)")
                progress.progress = PartitionProgress(base: base, completed: set)
                model = ProgressModel(base: model.base, earlier: model.completed)
            }
            try #require(progress.base == model.base, "base at step \(step)")
            try #require(progress.next == model.next)
            try #require(progress.unfinished == model.unfinished.count)
            try #require(progress.hasCompletedAbove == !model.completed.isEmpty, "completed above at step \(step)")
            try #require(progress.completedAbove().offsets == model.completed, "completed at step \(step)")
        }
        for offset in model.unfinished.shuffled(using: &random) { progress.finish(offset) }
        #expect(progress.base == model.next)
        #expect(progress.unfinished == 0)
    }
}
