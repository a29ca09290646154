import Commands
import DeadLetters
import Testing

@Suite struct FilterTests {
    /// 2026-05-04T12:00:00Z, two hours after the letters failed.
    private static let now: Int64 = 1_777_896_000_000_000

    private static let letter = DeadLetter(
        Letters.own(
            id: "order 1", partition: 3, offset: 17, key: "ada", code: "TIMEOUT", failureClass: "exhausted",
            message: "no \"route\" to host", replays: 1))

    @Test(
        "Terms that hold",
        arguments: [
            "", "  ", "class=exhausted", "class!=permanent code=TIMEOUT", "message~\"no \\\"route\\\"\"",
            "message~'NO \"Route'", "key=ada id=\"order 1\"", "id='order 1'", "type~lab", "partition=3 offset>=17",
            "offset<=17", "replays>=1 replays<=1", "replays!=2", "state=parked", "state!=replayed", "domain=lab",
            "time>=2026-05-04", "time<=2026-05-04T10:00:00Z", "time>=3h", "time<=1h", "age>=1h", "age<=3h",
            "origin=lab.commands/3/17", "topic=lab.commands", "group~adjutant", "format=adjutant", "attempts=3",
            "bytes>=1", "first<=2026-05-04T10:00:00Z", "class=Exhausted", "format!=SPRING", "CLASS=exhausted", "key!=",
            "message~",
        ])
    func matching(text: String) throws {
        let filter = try LetterFilter(text, now: Self.now)
        #expect(filter.matches(Self.letter, .parked, domain: "lab"), "\(text)")
    }

    @Test(
        "Terms that do not",
        arguments: [
            "class=permanent", "class!=exhausted", "class=exhausted code=OTHER", "message~\"no way\"", "key=Ada",
            "key=ad", "class~bogus", "key='=ada'", "partition!=3", "offset>=18", "offset<=16", "replays=0",
            "state=replayed", "state!=parked",
            "domain=commerce", "time>=2026-05-05", "time>=1h", "time<=3h", "age>=3h", "age<=1h", "key=",
            "fingerprint=0000000000000000", "message~hostx",
        ])
    func other(text: String) throws {
        let filter = try LetterFilter(text, now: Self.now)
        #expect(!filter.matches(Self.letter, .parked, domain: "lab"), "\(text)")
    }

    @Test(
        "Bad filters say which term, and what to write",
        arguments: [
            ("klass=permanent", "klass=permanent", "there is no field klass"),
            ("type=a code", "code", "has no operator"), ("class", "class", "has no operator"),
            ("replays>1", "replays>1", "use >= or <="), ("=5", "=5", "begins with no field"),
            ("5=5", "5=5", "begins with no field"), ("class>=a", "class>=a", "is text"),
            ("partition=one", "partition=one", "whole number"), ("partition~1", "partition~1", "is a number"),
            ("time=soon", "time=soon", "needs a time"), ("age>=soon", "age>=soon", "needs a duration"),
            ("age=1h", "age=1h", "use >= or <= with age"), ("state=dead", "state=dead", "there is no state dead"),
            ("state~p", "state~p", "use = or !="), ("id=\"a", "id=\"a", "quotes are not closed"),
            ("id=\"a\"b", "id=\"a\"b", "after its quotes"), ("time~2026", "time~2026", "is a time"),
            ("class==poison", "class==poison", "has = after ="), ("key!=~a", "key!=~a", "has ~ after !="),
            ("replays>=>1", "replays>=>1", "has > after >="), ("class=bogus", "class=bogus", "there is no class bogus"),
            ("class!=''", "class!=''", "there is no class"),
            ("format=kafka", "format=kafka", "there is no format kafka"),
        ])
    func bad(text: String, term: String, message: String) {
        let error = #expect(throws: LetterFilterError.self) { try LetterFilter(text, now: Self.now) }
        #expect(error?.term == term)
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("What a letter lacks is empty, and no number")
    func missing() throws {
        let letter = DeadLetter(Letters.foreign([]))
        func holds(_ text: String) throws -> Bool {
            try LetterFilter(text, now: Self.now).matches(letter, .parked, domain: "lab")
        }
        #expect(try holds("code=") && holds("code!=X") && holds("attempts!=3"))
        // But for the class, which is called so wherever it is shown.
        #expect(try holds("class=unknown") && holds("class~UNK") && !holds("class!=unknown"))
        #expect(try !LetterFilter("class=unknown", now: 0).matches(Self.letter, .parked, domain: "lab"))
        #expect(try !holds("code=X") && !holds("code~X") && !holds("attempts>=0") && !holds("attempts=0"))
    }

    @Test(
        "Only the parts of partitions that can match are read",
        arguments: [
            ("partition=2", nil), ("partition!=1", nil), ("partition>=2", nil), ("partition<=0", nil),
            ("partition=1 offset>=20", PartitionRange(partition: 1, low: 20, end: 50)),
            ("offset=30", PartitionRange(partition: 1, low: 30, end: 31)),
            ("offset<=30 offset>=30 code=x", PartitionRange(partition: 1, low: 30, end: 31)),
            ("offset>=50", nil), ("offset<=9", nil),
            ("offset<=9223372036854775807 partition!=7", PartitionRange(partition: 1, low: 10, end: 50)),
        ] as [(String, PartitionRange?)])
    func narrowing(text: String, expected: PartitionRange?) throws {
        let filter = try LetterFilter(text, now: Self.now)
        #expect(filter.narrowed(PartitionRange(partition: 1, low: 10, end: 50)) == expected)
    }
}
