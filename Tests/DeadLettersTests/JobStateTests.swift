import DeadLetters
import Testing

@Suite struct JobStateTests {
    private func job(_ edit: (inout JobRecord.Options) -> Void = { _ in }) -> JobRecord {
        var options = JobRecord.Options()
        edit(&options)
        return JobRecord(
            id: "j", domain: "lab", topic: "lab.dlt", options: options, at: 1000, owner: .init(host: "h", process: 1),
            ranges: [])
    }

    @Test("A stopped or abandoned job can be taken up, one that ended cannot")
    func resume() throws {
        let other = JobRecord.Owner(host: "x", process: 9)
        for state in [JobRecord.State.running, .stopped] {
            let resumed = try self.job().ended(state, note: "why", at: 2000).resumed(by: other, at: 3000)
            #expect(resumed.state == .running && resumed.note.isEmpty && resumed.owner == other)
            #expect(resumed.updatedAt == 3000 && resumed.createdAt == 1000)
        }
        for state in [JobRecord.State.finished, .cancelled] {
            let error = #expect(throws: DeadLetterError.self) {
                try self.job().ended(state, at: 2000).resumed(by: other, at: 3000)
            }
            #expect(error?.kind == .conflict)
        }
    }

    @Test("A job lives while its process does; on another host, while it is heard of")
    func alive() {
        var job = self.job()
        #expect(job.isAlive(at: 10_000_000_000, host: "h") { $0 == 1 })
        #expect(!job.isAlive(at: 1001, host: "h") { _ in false })
        #expect(job.isAlive(at: 59_000_000, host: "elsewhere") { _ in false })
        #expect(!job.isAlive(at: 61_000_000, host: "elsewhere") { _ in true })
        job = job.ended(.stopped, at: 1001)
        #expect(!job.isAlive(at: 1002, host: "h") { _ in true })
    }

    @Test("What a crash can repeat is small where the job or its rate is")
    func window() {
        func window(letters: Int64, _ edit: (inout JobRecord.Options) -> Void = { _ in }) -> Int {
            var job = self.job(edit)
            job.ranges = [0, 1].map { PartitionRange(partition: $0, low: 5, end: 5 + letters / 2) }
            return job.window
        }
        #expect(window(letters: 100) == 250 && window(letters: 20_000) == 4000)
        #expect(window(letters: 1_000_000) == 25_000)
        #expect(window(letters: 1_000_000) { $0.batch = 7 } == 7)
        #expect(window(letters: 1_000_000) { $0.rate = 500 } == 250)
        #expect(window(letters: 1_000_000) { $0.rate = 0.5 } == 1)
    }

    @Test("Batches end with the canaries and the limit")
    func batches() {
        #expect(self.job { $0.batch = 1000 }.batchSize(sent: 5) == 200)
        #expect(self.job { $0.batch = 1 }.batchSize(sent: 5) == 1)
        #expect(self.job { $0.limit = 12 }.batchSize(sent: 10) == 2)
        var canary = self.job {
            $0.canary = 5
            $0.batch = 1000
        }
        #expect(canary.batchSize(sent: 2) == 3 && canary.batchSize(sent: 5) == 200)
        canary.canaryPassed = true
        #expect(canary.batchSize(sent: 2) == 200)
    }

    @Test("Canaries are waited for once, also when there are fewer than asked for")
    func canaries() {
        var job = self.job { $0.canary = 5 }
        #expect(!job.isCanaryDue(sent: 4, isAtEnd: false) && job.isCanaryDue(sent: 5, isAtEnd: false))
        #expect(job.isCanaryDue(sent: 4, isAtEnd: true) && !job.isCanaryDue(sent: 0, isAtEnd: true))
        job.canaryPassed = true
        #expect(!job.isCanaryDue(sent: 9, isAtEnd: true))
        #expect(!self.job().isCanaryDue(sent: 9, isAtEnd: true))
    }

    @Test("A rate is held letter by letter; lost time is not made up for by a flood")
    func pacer() {
        var pacer = Pacer(rate: 500)
        var now: Int64 = 1_000_000
        let start = now
        for _ in 0..<1000 {
            now += pacer.delay(at: now)
            pacer.sent(at: now)
        }
        #expect(abs(Double(now - start) - 999 * 2000) < 2000)
        // A pause of ten seconds: what three tenths of a second have comes at once.
        now += 10_000_000
        var burst = 0
        while pacer.delay(at: now) == 0 {
            pacer.sent(at: now)
            burst += 1
        }
        #expect(burst <= 151 && burst >= 150)
        var unlimited = Pacer(rate: nil)
        unlimited.sent(at: now)
        #expect(unlimited.delay(at: now) == 0)
    }
}
