import Commands
import DeadLetters
import Testing

@Suite struct OutcomeWatchTests {
    private func event(_ topic: String, _ id: String) -> Record {
        Record(topic: topic, value: [], headers: [("ce_subject", Letters.bytes(id))])
    }

    private func place(_ offset: Int64) -> LetterCoordinate {
        LetterCoordinate(topic: "lab.commands", partition: 1, offset: offset)
    }

    @Test("Results and failures are told by the command's id, once")
    func events() {
        var watch = OutcomeWatch(domain: "lab")
        watch.expect(tag: 1, id: "a", place: self.place(1))
        watch.expect(tag: 2, id: "b", place: self.place(2))
        #expect(watch.note(self.event("lab.results", "other")) == nil)
        #expect(
            watch.note(self.event("lab.results", "a")).map { "\($0)" }
                == "(tag: 1, outcome: DeadLetters.OutcomeWatch.Outcome.succeeded)")
        #expect(watch.note(self.event("lab.results", "a")) == nil && watch.open == 1)
        #expect(watch.note(self.event("lab.failures", "b"))?.outcome == .failed)
        #expect(watch.open == 0)
    }

    @Test("A new dead letter is told by where its command lay, not by an id that others may share")
    func letters() {
        var watch = OutcomeWatch(domain: "lab")
        watch.expect(tag: 1, id: "a", place: self.place(1))
        watch.expect(tag: 2, id: nil, place: self.place(2))
        #expect(watch.note(Letters.own(id: "a", origin: ("lab.commands", 1, 77))) == nil, "an older one of that id")
        #expect(watch.note(Letters.own(id: "a", origin: ("lab.commands", 1, 1)))?.tag == 1)
        #expect(watch.note(Letters.own(id: "?", origin: ("lab.commands", 1, 2)))?.outcome == .failed)
        #expect(watch.open == 0)
    }

    @Test("Where the place is not known any more, the id is enough")
    func resumed() {
        var watch = OutcomeWatch(domain: "lab")
        watch.expect(tag: 1, id: "a", place: nil)
        watch.expect(tag: 2, id: nil, place: nil)
        #expect(watch.open == 1, "nothing could ever be known of the other")
        #expect(watch.note(Letters.own(id: "a", origin: ("lab.commands", 1, 77)))?.tag == 1)
    }

    @Test("A retry is no end")
    func retry() {
        var watch = OutcomeWatch(domain: "lab")
        watch.expect(tag: 1, id: "a", place: self.place(1))
        let retry = Record(
            topic: "lab.retry.5s", value: [],
            headers: [("ce_id", Letters.bytes("a")), ("adjutant-origin", Letters.bytes("lab.commands/1/1"))])
        #expect(watch.note(retry)?.outcome == .retried && watch.open == 1)
        #expect(watch.note(self.event("lab.results", "a"))?.outcome == .succeeded)
    }

    @Test("Two letters of one id have two outcomes")
    func sameID() {
        var watch = OutcomeWatch(domain: "lab")
        watch.expect(tag: 1, id: "a", place: self.place(1))
        watch.expect(tag: 2, id: "a", place: self.place(2))
        #expect(watch.note(self.event("lab.results", "a"))?.tag == 1)
        #expect(watch.note(self.event("lab.results", "a"))?.tag == 2)
    }
}
