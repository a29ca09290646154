import Commands
import Testing

@testable import DeadLetters

@Suite struct OrderedFeedTests {
    private func feed(_ stage: ReplayStage) throws -> OrderedFeed {
        let source = MemorySource(stage.cluster)
        let rules = ReplayRules(filter: LetterFilter(), options: .init(), targets: ReplayStage.targets)
        let ranges = try source.ranges(of: "lab.dlt")!
        let selector = FeedSelector(
            rules: rules, known: LetterSet(), ledger: try LedgerStore(domain: "lab", source: source),
            trimmed: TrimmedRanges(ranges, present: [], known: LetterSet()))
        return OrderedFeed(reader: try source.reader(["lab.dlt": ranges]), selector: selector)
    }

    private func count(_ result: FeedResult) -> Int {
        if case .items(let items) = result { return items.count }
        return 0
    }

    @Test("A row whose letter came back before anything of it was asked for gives one letter at a time")
    func oneAtATime() throws {
        let stage = ReplayStage()
        stage.fill(3, keys: 1)
        let feed = try self.feed(stage)
        try feed.prepare { true }
        feed.began(lane: 0)
        feed.ended(lane: 0)
        #expect(self.count(try feed.next(upTo: 10) { false }) == 1)
        #expect(self.count(try feed.next(upTo: 10) { false }) == 0)
        feed.began(lane: 0)
        feed.ended(lane: 0)
        #expect(self.count(try feed.next(upTo: 10) { false }) == 1)
    }

    @Test("Reading all letters first can be stopped")
    func stops() throws {
        let stage = ReplayStage()
        stage.fill(100)
        let feed = try self.feed(stage)
        var turns = 0
        try feed.prepare {
            turns += 1
            return turns < 3
        }
        #expect(turns == 3 && feed.counts.scanned > 0 && feed.counts.scanned < 100)
    }
}
