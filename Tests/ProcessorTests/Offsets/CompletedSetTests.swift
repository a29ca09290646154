import Processor
import Testing

@Suite struct CompletedSetTests {
    @Test func rangesThatTouchBecomeOne() {
        var set = CompletedSet()
        set.append(3..<5)
        set.append(5..<6)
        set.append(9..<9)
        set.append(8..<10)
        #expect(set.ranges == [3..<6, 8..<10])
        for offset: Int64 in 0..<12 { #expect(set.contains(offset) == [3, 4, 5, 8, 9].contains(offset)) }
        #expect(!CompletedSet().contains(0))
    }

    @Test(arguments: 0..<80) func metadataBringsBackTheSameSet(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let base = Int64.random(in: 0...(1 << 40), using: &random)
        var set = CompletedSet()
        var position = base + 1
        for _ in 0..<Int.random(in: 1...60, using: &random) {
            position += .random(in: 0...(seed % 3 == 0 ? 200 : 20), using: &random)
            let length = Int64.random(in: 1...(seed % 5 == 0 ? 3_000_000 : 40), using: &random)
            set.append(position..<position + length)
            position += length + 1
        }
        let metadata = set.metadata(base: base)
        #expect(metadata.utf8.count <= CompletedSet.metadataLimit)
        #expect(metadata.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
        #expect(try #require(CompletedSet(metadata: metadata, base: base)) == set)
    }

    @Test func nothingToSayIsSaidWithNothing() throws {
        #expect(CompletedSet().metadata(base: 7) == "")
        #expect(try #require(CompletedSet(metadata: "", base: 7)).isEmpty)
    }

    @Test(arguments: [
        "x", "adj1:", "adj1:!!!!", "adj1:AAAA", "adj1:AAAAAAAA", "adj2:AAAAAAAAAAAA", "{\"some\":\"json\"}", "adj1",
        "ADJ1:AAAAAAAAAAAA", "H4sIAAAAAAAA", "\u{0}", "adj1:äöü",
    ])
    func foreignMetadataMeansNothingKnown(text: String) {
        #expect(CompletedSet(metadata: text, base: 0) == nil)
    }

    @Test func metadataOfAnotherOffsetIsNotBelieved() {
        let metadata = CompletedSet([12, 13, 40]).metadata(base: 10)
        #expect(CompletedSet(metadata: metadata, base: 10) != nil)
        #expect(CompletedSet(metadata: metadata, base: 11) == nil)
        #expect(CompletedSet(metadata: metadata, base: 10 + (1 << 32)) == nil)
    }

    /// Whatever happens to the text, it is refused or it says the same: never a crash, never another set.
    @Test(arguments: 0..<40) func damagedMetadataIsNotBelieved(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let set = CompletedSet((0..<30).map { _ in Int64.random(in: 101...400, using: &random) })
        let metadata = Array(set.metadata(base: 100).utf8)
        for _ in 0..<50 {
            var damaged = metadata
            switch Int.random(in: 0..<3, using: &random) {
            case 0: damaged[.random(in: damaged.indices, using: &random)] = .random(in: 33...126, using: &random)
            case 1: damaged.removeLast(.random(in: 1...damaged.count, using: &random))
            default: damaged.append(contentsOf: "AA".utf8)
            }
            guard damaged != metadata, !damaged.isEmpty else { continue }
            let read = CompletedSet(metadata: String(decoding: damaged, as: UTF8.self), base: 100)
            #expect(read == nil || read == set)
        }
    }

    @Test func textBeyondKafkasLimitIsNotRead() {
        #expect(CompletedSet(metadata: "adj1:" + String(repeating: "A", count: 5000), base: 0) == nil)
    }

    /// More than fits: the limit holds, and what is kept is a true part of the set.
    @Test(arguments: [2, 7, 8, 9, 33, 1000]) func theLimitHoldsWhateverTheSet(step: Int) throws {
        for base: Int64 in [0, 7, 123_456_789] {
            let set = CompletedSet((1...30_000).map { base + Int64($0 * step) })
            let metadata = set.metadata(base: base)
            #expect(metadata.utf8.count <= 4096)
            let kept = try #require(CompletedSet(metadata: metadata, base: base)).offsets
            #expect(!kept.isEmpty)
            #expect(kept.isSubset(of: set.offsets))
        }
    }

    @Test func longRunsWithHolesKeepToTheLimit() throws {
        var set = CompletedSet()
        for index in 0..<3000 { set.append(Int64(index) * 2_000_000 + 1..<Int64(index + 1) * 2_000_000) }
        let metadata = set.metadata(base: 0)
        #expect(metadata.utf8.count <= 4096)
        #expect(try #require(CompletedSet(metadata: metadata, base: 0)).offsets(below: 10_000) == 9_999)
    }
}

extension CompletedSet {
    fileprivate func offsets(below limit: Int64) -> Int {
        self.ranges.reduce(0) { $0 + Int(max(0, min($1.upperBound, limit) - $1.lowerBound)) }
    }
}
