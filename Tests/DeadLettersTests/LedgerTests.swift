import Commands
import DeadLetters
import JSONCoding
import Testing

@Suite struct LedgerTests {
    private func record(_ key: String, _ value: some Encodable) throws -> Record {
        Record(topic: "lab.dlt.jobs", key: Letters.bytes(key), value: try FastJSONEncoder().encode(value))
    }

    private func batch(
        _ number: Int, _ phase: BatchRecord.Phase, at moment: Int64, _ offsets: [Int64], job: String = "j"
    ) -> BatchRecord {
        var batch = BatchRecord(job: job, number: number, phase: phase, at: moment, topic: "lab.dlt")
        for offset in offsets { batch.letters.insert(partition: 0, offset: offset) }
        return batch
    }

    private func action(_ kind: ActionRecord.Kind, at moment: Int64, _ offsets: [Int64]) -> ActionRecord {
        ActionRecord(
            id: "a-\(moment)", kind: kind, at: moment, actor: "me", reason: "why", filter: "", topic: "lab.dlt",
            letters: LetterSet(offsets.map { LetterCoordinate(topic: "lab.dlt", partition: 0, offset: $0) }))
    }

    private func state(_ ledger: LetterLedger, _ offset: Int64) -> LetterState {
        ledger.state(of: DeadLetter(Letters.own(offset: offset)))
    }

    private let time: Int64 = 1_777_888_800_000_000

    @Test("The last record of a key counts; an unconfirmed batch changes no letter")
    func batches() throws {
        var ledger = LetterLedger()
        ledger.apply(try self.record("job/j/1", self.batch(1, .intent, at: self.time, [1, 2, 3])))
        #expect(self.state(ledger, 1) == .parked)
        #expect(ledger.unconfirmed(of: "j").map(\.number) == [1])
        // The broker did not take one of them.
        ledger.apply(try self.record("job/j/1", self.batch(1, .done, at: self.time + 1, [1, 2])))
        #expect(self.state(ledger, 1) == .replayed && self.state(ledger, 3) == .parked)
        #expect(ledger.unconfirmed(of: "j").isEmpty && ledger.lastBatch(of: "j") == 1)
        #expect(ledger.done(by: "j").letters.count == 2)
    }

    @Test("The latest thing done to a letter counts, in whatever order it is read")
    func order() throws {
        let steps = [
            try self.record("action/a-0/0", self.action(.discard, at: self.time, [1, 2])),
            try self.record("action/a-1/0", self.action(.restore, at: self.time + 10, [2])),
            try self.record("job/j/1", self.batch(1, .done, at: self.time + 20, [2, 3])),
            try self.record("action/a-2/0", self.action(.resolve, at: self.time + 30, [4])),
        ]
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            var ledger = LetterLedger()
            for index in order { ledger.apply(steps[index]) }
            #expect(
                (1...5).map { self.state(ledger, $0) } == [.discarded, .replayed, .replayed, .resolved, .parked],
                "\(order)")
        }
    }

    @Test("What was done about a letter, in the order of time")
    func history() throws {
        var ledger = LetterLedger()
        var job = JobRecord(
            id: "j", domain: "lab", topic: "lab.dlt", options: .init(), at: self.time,
            owner: .init(host: "h", process: 1), ranges: [])
        job.options.actor = "you"
        ledger.apply(try self.record("job/j/1", self.batch(1, .done, at: self.time + 20, [2])))
        ledger.apply(try self.record("job/j", job))
        ledger.apply(try self.record("action/a-0/0", self.action(.discard, at: self.time, [2])))
        let events = ledger.history(of: LetterCoordinate(topic: "lab.dlt", partition: 0, offset: 2))
        #expect(events.map(\.what) == ["discard", "replay"])
        #expect(events.map(\.actor) == ["me", "you"] && events.last?.job == "j")
        #expect(ledger.history(of: LetterCoordinate(topic: "lab.dlt", partition: 1, offset: 2)).isEmpty)
    }

    @Test("A letter that is younger than what was done to its place is another one")
    func madeAnew() throws {
        var ledger = LetterLedger()
        ledger.apply(try self.record("job/j/1", self.batch(1, .done, at: self.time - 3_600_000_000, [1])))
        #expect(self.state(ledger, 1) == .parked)
        ledger.apply(try self.record("job/j/1", self.batch(1, .done, at: self.time - 1_000_000, [1])))
        #expect(self.state(ledger, 1) == .replayed, "clocks may differ by a little")
    }

    @Test("A job and everything that was asked of it survive the way through Kafka")
    func job() throws {
        var options = JobRecord.Options()
        options.filter = "code=A"
        options.rate = 12.5
        options.canary = 3
        options.until = 5
        options.isOrdered = true
        var job = JobRecord(
            id: "j", domain: "lab", topic: "lab.dlt", options: options, at: self.time,
            owner: .init(host: "h", process: 7), ranges: [PartitionRange(partition: 0, low: 1, end: 9)])
        job.outcomesFrom = ["lab.results": [PartitionRange(partition: 1, low: 4, end: .max)]]
        job.counts.sent = 3
        var ledger = LetterLedger()
        ledger.apply(try self.record("job/j", job))
        #expect(ledger.jobs["j"] == job)
        let wish = ControlRecord(job: "j", at: 1, actor: "a", reason: "b")
        ledger.apply(try self.record("control/j", wish))
        #expect(ledger.controls["j"] == wish)
    }

    @Test("Records of nobody known are counted, and do no harm")
    func unreadable() throws {
        var ledger = LetterLedger()
        for (key, value) in [("job/j", "{"), ("job/j/1", "{}"), ("other", "{}"), ("action/x", "{}"), ("", "{}")] {
            ledger.apply(Record(topic: "t", key: Letters.bytes(key), value: Letters.bytes(value)))
        }
        ledger.apply(Record(topic: "t", key: nil, value: []))
        ledger.apply(Record(topic: "t", key: Letters.bytes("job/j"), value: nil))
        #expect(ledger.unreadable == 7 && ledger.jobs.isEmpty)
    }
}
