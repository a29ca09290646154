import Commands
import DeadLetters
import Testing

@Suite struct ReplayRulesTests {
    private func rules(_ edit: (inout JobRecord.Options) -> Void = { _ in }) -> ReplayRules {
        var options = JobRecord.Options()
        edit(&options)
        return ReplayRules(filter: LetterFilter(), options: options, targets: ReplayStage.targets)
    }

    @Test("A letter goes back to where it came from")
    func home() {
        var rules = self.rules()
        let own = DeadLetter(Letters.own(origin: ("lab.commands", 7, 1)))
        #expect(rules.decide(own, .parked) == .send(to: "lab.commands", partition: 7))
        let spring = DeadLetter(Letters.foreign(Letters.spring()))
        #expect(rules.decide(spring, .parked) == .send(to: "lab.commands", partition: 5))
    }

    @Test("--to sends elsewhere, by the key")
    func elsewhere() {
        var rules = self.rules { $0.target = "lab.retry.5s" }
        #expect(rules.decide(DeadLetter(Letters.own()), .parked) == .send(to: "lab.retry.5s", partition: -1))
        var forbidden = self.rules { $0.target = "lab.results" }
        #expect(forbidden.decide(DeadLetter(Letters.own()), .parked) == .refuse(.undeclared("lab.results")))
    }

    @Test(
        "What headers name is used only if the domain declares it",
        arguments: ["lab.results", "lab.dlt", "commerce.commands", "x"])
    func undeclared(topic: String) {
        var rules = self.rules()
        let letter = DeadLetter(Letters.foreign(Letters.spring(topic: topic)))
        #expect(rules.decide(letter, .parked) == .refuse(.undeclared(topic)))
    }

    @Test("A letter that names no topic is refused, unless --to says one")
    func noOrigin() {
        let letter = DeadLetter(Letters.foreign([]))
        var rules = self.rules()
        #expect(rules.decide(letter, .parked) == .refuse(.noOrigin))
        var other = self.rules { $0.target = "lab.commands" }
        #expect(other.decide(letter, .parked) == .send(to: "lab.commands", partition: -1))
    }

    @Test("Letters that something was done about are left out")
    func states() {
        let letter = DeadLetter(Letters.own())
        for (state, reason) in [
            (LetterState.replayed, ReplayDecision.Skip.replayed), (.discarded, .discarded), (.resolved, .resolved),
            (.quarantined, .quarantined),
        ] {
            var rules = self.rules()
            #expect(rules.decide(letter, state) == .skip(reason))
        }
        var again = self.rules { $0.again = true }
        #expect(again.decide(letter, .replayed) == .send(to: "lab.commands", partition: 0))
        #expect(again.decide(letter, .discarded) == .skip(.discarded))
    }

    @Test("Past the cap a letter is quarantined, not sent")
    func cap() {
        var rules = self.rules { $0.maxReplays = 5 }
        #expect(rules.decide(DeadLetter(Letters.own(replays: 4)), .parked) == .send(to: "lab.commands", partition: 0))
        #expect(rules.decide(DeadLetter(Letters.own(offset: 1, replays: 5)), .parked) == .quarantine)
    }

    @Test("Two letters of one record are one command")
    func duplicate() {
        var rules = self.rules()
        #expect(rules.decide(DeadLetter(Letters.own(offset: 1, origin: ("lab.commands", 0, 9))), .parked) != nil)
        #expect(
            rules.decide(DeadLetter(Letters.own(offset: 2, origin: ("lab.commands", 0, 9))), .parked)
                == .skip(.duplicate))
        #expect(
            rules.decide(DeadLetter(Letters.own(id: "other", offset: 4, origin: ("lab.commands", 0, 9))), .parked)
                == .send(to: "lab.commands", partition: 0))
        #expect(
            rules.decide(DeadLetter(Letters.own(offset: 3, origin: ("lab.commands", 0, 10))), .parked)
                == .send(to: "lab.commands", partition: 0))
    }

    @Test("A letter of a command that was sent before or resolved is a duplicate, whatever the filter means")
    func duplicateOfSettled() throws {
        let first = DeadLetter(Letters.own(offset: 1, origin: ("lab.commands", 0, 9)))
        let second = DeadLetter(Letters.own(offset: 2, origin: ("lab.commands", 0, 9)))
        for filter in ["", "state=parked"] {
            for (state, again) in [(LetterState.replayed, false), (.resolved, false), (.resolved, true)] {
                var options = JobRecord.Options()
                options.again = again
                var rules = ReplayRules(
                    filter: try LetterFilter(filter, now: 0), options: options, targets: ReplayStage.targets)
                _ = rules.decide(first, state)
                #expect(rules.decide(second, .parked) == .skip(.duplicate), "\(filter) \(state) \(again)")
            }
        }
        var discarded = self.rules()
        _ = discarded.decide(first, .discarded)
        #expect(discarded.decide(second, .parked) == .send(to: "lab.commands", partition: 0))
        var again = self.rules { $0.again = true }
        #expect(again.decide(first, .replayed) == .send(to: "lab.commands", partition: 0))
        #expect(again.decide(second, .parked) == .skip(.duplicate))
    }

    @Test("--until and the filter leave the rest alone")
    func until() throws {
        var options = JobRecord.Options()
        options.until = 1_777_888_799_000_000
        var rules = ReplayRules(
            filter: try LetterFilter("code=CODE", now: 0), options: options, targets: ReplayStage.targets)
        #expect(rules.decide(DeadLetter(Letters.own()), .parked) == nil)
        #expect(rules.decide(DeadLetter(Letters.own(code: "X", failed: "2026-05-04T09:00:00Z")), .parked) == nil)
        #expect(rules.decide(DeadLetter(Letters.own(failed: "2026-05-04T09:00:00Z")), .parked) != nil)
    }

    @Test("The plan counts what the rules decide")
    func plan() {
        let now: Int64 = 1_777_888_800_000_000
        var plan = ReplayPlan(now: now, limit: nil)
        var rules = self.rules()
        let letters = [
            Letters.own(offset: 0, failed: "2026-05-04T09:59:30Z"),
            Letters.own(
                offset: 1, failed: "2026-05-04T09:30:00Z",
                more: [("ce_expirytime", Letters.bytes("2026-05-04T09:00:00Z"))]),
            Letters.own(offset: 2, code: "OTHER", failed: "2026-04-01T09:30:00Z"), Letters.own(offset: 3, replays: 5),
            Letters.foreign([], offset: 4), Letters.foreign(Letters.spring(topic: "x"), offset: 5),
        ]
        for record in letters {
            let letter = DeadLetter(record)
            if let decision = rules.decide(letter, .parked) { plan.add(letter, .parked, decision) }
        }
        let discarded = DeadLetter(Letters.own(offset: 6))
        plan.add(discarded, .discarded, rules.decide(discarded, .discarded)!)
        #expect(plan.matched == 7 && plan.send == 3 && plan.quarantine == 1 && plan.refused == 2)
        #expect(plan.targets == ["lab.commands": 3] && plan.undeclared == ["x": 1] && plan.withoutOrigin == 1)
        #expect(plan.skipped == [.discarded: 1] && plan.expired == 1)
        #expect(plan.causes.sorted.map(\.count) == [2, 1])
        #expect(plan.ages == [.minute: 1, .hour: 1, .older: 1])
        #expect(plan.expectedSeconds(rate: 2) == 1.5)
    }
}
