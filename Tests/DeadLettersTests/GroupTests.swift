import Commands
import DeadLetters
import Testing

@Suite struct GroupTests {
    @Test("Equal causes are one group, with its count, its times and its youngest letter")
    func groups() {
        var groups = LetterGroups()
        for (index, minute) in [5, 1, 9].enumerated() {
            groups.add(
                DeadLetter(
                    Letters.own(
                        id: "c-\(index)", offset: Int64(index), message: "no UTF-8 after \(index) ms",
                        failed: "2026-05-04T10:0\(minute):00Z")),
                index == 1 ? .replayed : .parked)
        }
        groups.add(DeadLetter(Letters.own(code: "OTHER")), .parked)
        groups.add(DeadLetter(Letters.foreign(Letters.connect)), .parked)
        let sorted = groups.sorted
        #expect(sorted.map(\.count) == [3, 1, 1])
        let first = sorted[0]
        #expect(first.failureClass == "permanent" && first.code == "CODE" && first.type == "lab.run")
        #expect(first.states == [.parked: 2, .replayed: 1])
        #expect(first.firstSeen == 1_777_888_860_000_000 && first.lastSeen == 1_777_889_340_000_000)
        #expect(first.exampleID == "c-2" && first.example.offset == 2)
        #expect(first.message == "CODE: no UTF-8 after 2 ms")
        let foreign = sorted.first { $0.code == "DataException" }
        #expect(foreign?.failureClass == "unknown")
    }

    @Test("More causes than are kept apart are counted together")
    func limit() {
        var groups = LetterGroups(limit: 2)
        for code in ["A", "B", "C", "D", "A"] { groups.add(DeadLetter(Letters.own(code: code)), .parked) }
        #expect(groups.count == 2 && groups.others == 2)
        #expect(groups.sorted.map(\.count) == [2, 1])
    }
}
