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
