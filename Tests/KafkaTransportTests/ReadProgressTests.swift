import Testing

@testable import KafkaTransport

@Suite struct ReadProgressTests {
    @Test("What went before the end of a range is missing, though nothing follows it")
    func atTheEnd() {
        var progress = ReadProgress(next: 0, end: 100)
        #expect(progress.finish { 100 } == 100 && progress.isDone)
    }

    @Test("Gaps are missing only as far as the partition begins behind them", arguments: [(0, 0), (7, 7), (50, 10)])
    func gap(low: Int64, missing: Int) {
        var progress = ReadProgress(next: 0, end: 100)
        #expect(progress.reach(10) { low } == missing)
        #expect(!progress.isDone)
    }

    @Test("What goes while the range is read is missing too")
    func later() {
        var progress = ReadProgress(next: 0, end: 100)
        #expect(progress.reach(10) { 10 } == 10)
        progress.next = 11
        #expect(progress.finish { 200 } == 89)
    }

    @Test("A range that is read to its end asks for nothing")
    func nothingMissing() {
        var progress = ReadProgress(next: 0, end: 100)
        progress.next = 100
        #expect(
            progress.reach(
                100,
                low: {
                    Issue.record("asked"); return 500
                }) == 0)
        #expect(progress.isDone)
    }
}
