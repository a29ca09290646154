import Commands
import DeadLetters
import Testing

/// What a job that is taken up again knows of what was before.
@Suite struct ReplayResumeTests {
    /// Runs the job until so much has arrived.
    private func stop(_ stage: ReplayStage, _ job: JobRecord, after count: Int = 1, sink: MemorySink? = nil) throws
        -> JobRecord
    {
        let cluster = stage.cluster
        let stopped = try stage.run(
            job, sink: sink, isStopping: { cluster.records("lab.commands").count >= count })
        #expect(stopped.state == .stopped)
        return stopped
    }

    @Test("Letters that the job has sent are not missing when the broker has dropped them")
    func trimmed() throws {
        let stage = ReplayStage(partitions: 1)
        stage.fill(30)
        let stopped = try self.stop(stage, try stage.job(), after: 10)
        let sent = stopped.counts.sent
        #expect(sent >= 10 && sent < 30)
        stage.cluster.trimmed["lab.dlt"] = [0: Int64(sent)]
        let ended = try stage.run(try stage.resumed())
        #expect(ended.counts.missing == 0 && ended.counts.sent == 30 && ended.counts.matched == 30)
    }

    @Test("Letters that it has not sent are missing")
    func trimmedBeyond() throws {
        let stage = ReplayStage(partitions: 1)
        stage.fill(30)
        let sent = try self.stop(stage, try stage.job(), after: 10).counts.sent
        stage.cluster.trimmed["lab.dlt"] = [0: Int64(sent) + 4]
        let ended = try stage.run(try stage.resumed())
        #expect(ended.counts.missing == 4 && ended.counts.sent == 26)
    }

    @Test("Letters that were noted, perhaps sent, and are gone are missing")
    func trimmedUnconfirmed() throws {
        let stage = ReplayStage(partitions: 1)
        stage.fill(30)
        let sink = MemorySink(stage.cluster, diesAfter: 1 + 2 * 7, rounds: 50)
        #expect(throws: DeadLetterError.self) { try stage.run(try stage.job(), sink: sink) }
        stage.cluster.trimmed["lab.dlt"] = [0: 30]
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.missing == 30 && ended.counts.sent == 0)
    }

    @Test("Outcomes that came before anybody looked for them are not waited for")
    func earlierOutcomes() throws {
        let stage = ReplayStage()
        stage.fill(30)
        var job = try stage.job()
        job.outcomesFrom = [:]
        let stopped = try self.stop(stage, job, after: 10)
        stage.answerAll()
        var resumed = try stage.resumed()
        resumed.lookForOutcomes(
            in: try stage.job("other").outcomesFrom, after: try stage.ledger().lastBatch(of: resumed.id))
        stage.answer { _ in true }
        var open: Int?
        let ended = try stage.run(
            resumed,
            edit: { runner in
                runner.waitForOutcomes = 1000
                runner.progress = { [unowned runner] _ in open = runner.openOutcomes }
            })
        #expect(ended.state == .finished && open == 0)
        #expect(ended.counts.succeeded == 30 - stopped.counts.sent)
    }

    @Test("A letter that the broker would not take at first has not failed when it has taken it")
    func takenAtLast() throws {
        let stage = ReplayStage()
        stage.fill(20)
        let sink = MemorySink(stage.cluster)
        sink.refuses = { record, topic in topic == "lab.commands" && record.text(ofHeader: "ce_id") == "c-0" }
        #expect(try self.stop(stage, try stage.job(), after: 10, sink: sink).counts.failed == 1)
        let ended = try stage.run(try stage.resumed())
        #expect(ended.counts.failed == 0 && ended.counts.sent == 20)
    }

    @Test("In order: a letter without an id does not hold its key up, since nobody can tell its outcome")
    func withoutID() throws {
        var stage = ReplayStage(partitions: 1)
        stage.options.isOrdered = true
        stage.options.outcomeTimeout = 200
        stage.cluster.put(
            Letters.foreign([
                ("__dlq.errors.topic", Letters.bytes("lab.commands")), ("__dlq.errors.partition", Letters.bytes("0")),
                ("__dlq.errors.offset", Letters.bytes("0")),
            ]))
        stage.cluster.put(
            Letters.foreign(
                [
                    ("__dlq.errors.topic", Letters.bytes("lab.commands")),
                    ("__dlq.errors.partition", Letters.bytes("0")), ("__dlq.errors.offset", Letters.bytes("1")),
                ], offset: 1))
        #expect(try self.stop(stage, try stage.job()).counts.sent == 1)
        let ended = try stage.run(try stage.resumed())
        #expect(ended.counts.sent == 2 && stage.cluster.records("lab.commands").count == 2)
    }

    @Test("In order: a letter that somebody has seen to since it was read is left out, and stays as it is")
    func seenTo() throws {
        var stage = ReplayStage(partitions: 1)
        stage.fill(3, keys: 1)
        stage.options.isOrdered = true
        stage.answer { _ in true }
        let answer = stage.cluster.stored
        let second = DeadLetter(stage.cluster.records("lab.dlt")[1])
        stage.cluster.stored = { record in
            // The ledger is looked at now and then only.
            stage.clock.advance(by: 1_000_000)
            if record.topic == "lab.commands", record.text(ofHeader: "ce_id") == "c-0" {
                let action = ActionRecord(
                    id: "a", kind: .resolve, at: stage.clock.now, actor: "other", reason: "by hand", filter: "",
                    topic: "lab.dlt", letters: LetterSet([second.coordinate]))
                do { try stage.note(action, key: "action/a/0") } catch { Issue.record(error) }
            }
            answer(record)
        }
        let job = try stage.run(try stage.job())
        #expect(job.state == .finished && job.counts.sent == 2 && job.counts.skipped == 1)
        #expect(stage.sent == ["c-0": 1, "c-2": 1])
        #expect(try stage.ledger().state(of: second) == .resolved)
    }

    // MARK: - Signs of life

    /// The longest time between two notes of the job.
    private func longestSilence(_ stage: ReplayStage) -> Int64 {
        let times: [Int64] = stage.cluster.records("lab.dlt.jobs").compactMap {
            if case .job(let job)? = LedgerEntry($0) { return job.updatedAt }
            return nil
        }
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
    }

    @Test("A job that searches long tells that it goes on", arguments: [false, true])
    func search(isOrdered: Bool) throws {
        var stage = ReplayStage(partitions: 1)
        stage.fill(100)
        stage.filter = "code=NONE"
        stage.options.isOrdered = isOrdered
        let job = try stage.job()
        var reads = 0
        stage.cluster.reading = { [clock = stage.clock] topics in
            guard topics == ["lab.dlt"] else { return }
            reads += 1
            clock.advance(by: 15_000_000)
        }
        let ended = try stage.run(job)
        #expect(ended.state == .finished && ended.counts.scanned == 100 && reads >= 20)
        #expect(self.longestSilence(stage) <= 60_000_000)
    }

    @Test("A job that waits for the next letter's time tells that it goes on, and can be stopped meanwhile")
    func pause() throws {
        var stage = ReplayStage(partitions: 1)
        stage.fill(4)
        stage.options.rate = 0.005
        let sink = MemorySink(stage.cluster)
        sink.serving = { [clock = stage.clock] in clock.advance(by: Int64($0) * 1000) }
        let cluster = stage.cluster
        var second: Int64?
        let stopped = try stage.run(
            try stage.job(), sink: sink,
            isStopping: {
                guard cluster.records("lab.commands").count == 2 else { return false }
                second = second ?? stage.clock.now
                return stage.clock.now - second! > 30_000_000
            })
        #expect(stopped.state == .stopped && stopped.counts.sent == 2)
        #expect(stage.clock.now - (second ?? 0) < 60_000_000)
        #expect(self.longestSilence(stage) <= 60_000_000)
        #expect(try stage.ledger().unconfirmed(of: "job-1").isEmpty)
        #expect(try stage.run(try stage.resumed(), sink: sink).counts.sent == 4)
    }
}
