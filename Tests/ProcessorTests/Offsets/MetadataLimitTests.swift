import Processor
import Testing

/// As long as the intake takes nothing from a partition that is near the limit, the metadata leaves nothing out.
@Suite struct MetadataLimitTests {
    /// How offsets follow each other, and which of them hang.
    enum Traffic: String, CaseIterable, Sendable {
        case dense, everySecond, everyThirdByte, everyFourthByte, far, veryFar, sparse, mixed, longRuns

        func gap(_ random: inout SeededRandom) -> Int64 {
            switch self {
            case .dense, .longRuns: 0
            case .everySecond: 1
            case .everyThirdByte: 23
            case .everyFourthByte: 31
            case .far: 1100
            case .veryFar: 100_000
            case .sparse: .random(in: 0...300, using: &random)
            case .mixed: Bool.random(using: &random) ? 0 : .random(in: 1...60, using: &random)
            }
        }

        func hangs(_ random: inout SeededRandom) -> Bool {
            switch self {
            case .everyThirdByte, .everyFourthByte, .far, .veryFar: true
            case .longRuns: Int.random(in: 0..<40, using: &random) == 0
            case .dense, .everySecond, .sparse, .mixed: Int.random(in: 0..<3, using: &random) == 0
            }
        }
    }

    @Test(arguments: Traffic.allCases, 0..<1) func nothingIsLeftOut(traffic: Traffic, seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let progress = Tracked(PartitionProgress(base: 77))
        var hanging: [Int64] = []
        var running: [Int64] = []
        var all: [Int64] = []
        for round in 0..<24 {
            if !progress.isNearMetadataLimit {
                // One poll.
                for _ in 0..<256 {
                    let offset = progress.next + traffic.gap(&random)
                    all.append(offset)
                    guard progress.take(offset) else { continue }
                    if traffic.hangs(&random) { hanging.append(offset) } else { running.append(offset) }
                }
            } else if round % 3 == 0, !hanging.isEmpty {
                hanging.shuffle(using: &random)
                for offset in hanging.prefix(40) { progress.finish(offset) }
                hanging.removeFirst(min(40, hanging.count))
            }
            running.shuffle(using: &random)
            let ending = Int.random(in: 0...running.count, using: &random)
            for offset in running.suffix(ending) { progress.finish(offset) }
            running.removeLast(ending)

            let set = progress.completedAbove()
            let metadata = set.metadata(base: progress.base)
            try #require(metadata.utf8.count <= 4096)
            let read = try #require(CompletedSet(metadata: metadata, base: progress.base))
            try #require(read == set, "round \(round): left out, or wrong")
            if round % 10 == 9 {
                // A restart: what is not finished comes again.
                let again = Set(hanging + running)
                progress.progress = PartitionProgress(base: progress.base, completed: read)
                all.removeAll { $0 < progress.base }
                for offset in all {
                    try #require(progress.take(offset) == again.contains(offset))
                }
            }
        }
    }
}
