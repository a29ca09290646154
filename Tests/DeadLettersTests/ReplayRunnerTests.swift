import Commands
import DeadLetters
import Testing

@Suite struct ReplayRunnerTests {
    @Test("Every letter is sent once, as its command first came, and the job says so")
    func whole() throws {
        let stage = ReplayStage()
        stage.fill(40)
        let job = try stage.run(try stage.job())
        #expect(job.state == .finished && job.counts.sent == 40 && job.counts.matched == 40)
        #expect(stage.sent.count == 40 && stage.sent.values.allSatisfy { $0 == 1 })
        for record in stage.cluster.records("lab.commands") {
            #expect(record.text(ofHeader: "adjutant-replays") == "1")
            #expect(record.count(ofHeader: "adjutant-error-class") == 0)
        }
        let ledger = try stage.ledger()
        #expect(ledger.jobs["job-1"]?.counts == job.counts)
        for letter in stage.cluster.records("lab.dlt") { #expect(ledger.state(of: DeadLetter(letter)) == .replayed) }
        let audit = stage.cluster.records("lab.audit")
        #expect(audit.allSatisfy { $0.text(ofHeader: "ce_type") == "adjutant.command.replayed" })
        #expect(Set(audit.compactMap { $0.text(ofHeader: "ce_subject") }) == Set(stage.sent.keys))
        #expect(Set(audit.compactMap { $0.text(ofHeader: "ce_id") }).count == 41, "one a letter, one for all")
        let summary = try #require(audit.first { $0.text(ofHeader: "ce_subject") == nil })
        #expect(summary.text(summary.key) == "job-1")
        let text = summary.text(summary.value) ?? ""
        for part in [#""actor":"me""#, #""reason":"test""#, #""sent":40"#, #""state":"finished""#] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("A second job leaves out what the first has sent, unless asked")
    func again() throws {
        var stage = ReplayStage()
        stage.fill(10)
        _ = try stage.run(try stage.job())
        let second = try stage.run(try stage.job("job-2"))
        #expect(second.counts.sent == 0 && second.counts.skipped == 10)
        stage.options.again = true
        let third = try stage.run(try stage.job("job-3"))
        #expect(third.counts.sent == 10 && stage.sent.values.allSatisfy { $0 == 2 })
    }

    @Test("A job that may not start sends nothing, and can be resumed")
    func mayNotStart() throws {
        let stage = ReplayStage()
        stage.fill(5)
        #expect(throws: DeadLetterError.self) {
            try stage.run(
                try stage.job(),
                edit: { $0.mayStart = { throw DeadLetterError(.conflict, "\($0.id) has a rival") } })
        }
        #expect(stage.sent.isEmpty)
        let noted = try #require(try stage.noted())
        #expect(noted.state == .stopped && noted.note == "job-1 has a rival")
        #expect(try stage.run(try stage.resumed()).counts.sent == 5)
    }

    @Test("Letters that come after the start are not the job's")
    func laterLetters() throws {
        let stage = ReplayStage()
        stage.fill(5)
        let job = try stage.job()
        stage.fill(3)
        #expect(try stage.run(job).counts.sent == 5)
    }

    @Test(
        "Killed at any record and resumed: everything is sent, and twice at most the batch that was not confirmed",
        arguments: 0..<100, [0, 50])
    func killed(records: Int, rounds: Int) throws {
        let stage = ReplayStage()
        stage.fill(30)
        let sink = MemorySink(stage.cluster, diesAfter: records, rounds: rounds)
        let job = try stage.job()
        guard (try? stage.run(job, sink: sink)) == nil else {
            #expect(stage.sent.count == 30, "it was done before it could be killed")
            return
        }
        guard let noted = try stage.noted() else {
            #expect(stage.sent.isEmpty, "nothing is sent before the job is noted")
            return
        }
        #expect(noted.state != .finished, "the last thing to be noted is the end")
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.sent == 30)
        #expect(stage.sent.count == 30)
        let twice = stage.sent.values.count { $0 > 1 }
        #expect(twice <= 7 && stage.sent.values.allSatisfy { $0 <= 2 }, "\(twice) were sent twice")
        #expect(ended.counts.repeated <= 7)
    }

    @Test("Killed again and again: each time one batch at most is repeated", arguments: [12, 14, 17, 23], [0, 50])
    func killedOften(records: Int, rounds: Int) throws {
        let stage = ReplayStage()
        stage.fill(60)
        var job = try stage.job()
        var kills = 0
        while true {
            let sink = MemorySink(stage.cluster, diesAfter: records + kills % 3, rounds: rounds)
            if let ended = try? stage.run(job, sink: sink) {
                #expect(ended.state == .finished && ended.counts.sent == 60)
                break
            }
            kills += 1
            guard kills < 40 else { break }
            job = try stage.resumed()
        }
        #expect(stage.sent.count == 60)
        let repeats = stage.sent.values.reduce(0) { $0 + $1 - 1 }
        #expect(repeats <= kills * 7, "\(repeats) repeats after \(kills) kills")
        #expect(stage.sent.values.allSatisfy { $0 >= 1 })
    }

    @Test("Letters on their way are never more than the window holds, and the notes of as many again go ahead")
    func notesAhead() throws {
        let stage = ReplayStage()
        stage.fill(40)
        let sink = MemorySink(stage.cluster, rounds: 50)
        var notedAtFirst: Int?
        sink.refuses = { _, topic in
            if topic == "lab.commands" { notedAtFirst = notedAtFirst ?? stage.cluster.records("lab.dlt.jobs").count }
            return false
        }
        let job = try stage.run(try stage.job(), sink: sink)
        #expect(job.state == .finished && stage.sent.count == 40)
        #expect(sink.mostOnTheirWay == 7)
        #expect(notedAtFirst == 1 + 2 * 7, "the job, and a note each as batches of one letter")
    }

    @Test("A job that is stopped takes the notes of what it has not sent back, and sends that when it is resumed")
    func stoppedWithNotesAhead() throws {
        let stage = ReplayStage()
        stage.fill(40)
        let sink = MemorySink(stage.cluster, rounds: 50)
        let cluster = stage.cluster
        let stopped = try stage.run(
            try stage.job(), sink: sink, isStopping: { !cluster.records("lab.commands").isEmpty })
        #expect(stopped.state == .stopped && stopped.counts.sent == 7 && stage.sent.count == 7)
        #expect(try stage.ledger().unconfirmed(of: "job-1").isEmpty)
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.sent == 40 && ended.counts.repeated == 0)
        #expect(stage.sent.count == 40 && stage.sent.values.allSatisfy { $0 == 1 })
    }

    @Test("What a dead process had noted and somebody else has seen to since is left out")
    func seenToByOthers() throws {
        let stage = ReplayStage()
        stage.fill(30)
        let sink = MemorySink(stage.cluster, diesAfter: 1 + 2 * 7, rounds: 50)
        #expect(throws: DeadLetterError.self) { try stage.run(try stage.job(), sink: sink) }
        #expect(try stage.ledger().unconfirmed(of: "job-1").count == 14 && stage.sent.isEmpty)
        #expect(try stage.run(try stage.job("job-2")).counts.sent == 30)
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.sent == 0 && ended.counts.repeated == 0)
        #expect(ended.counts.skipped == 30 && ended.counts.matched == 30)
        #expect(stage.sent.count == 30 && stage.sent.values.allSatisfy { $0 == 1 })
    }

    @Test("A letter that was replayed too often is put aside, with its bytes untouched")
    func quarantine() throws {
        let stage = ReplayStage()
        let letter = stage.cluster.put(Letters.own(id: "often", replays: 5))
        stage.cluster.put(Letters.own(id: "fresh", origin: ("lab.commands", 0, 99)))
        let job = try stage.run(try stage.job())
        #expect(job.counts.sent == 1 && job.counts.quarantined == 1 && stage.sent == ["fresh": 1])
        let parked = try #require(stage.cluster.records("lab.dlt.parked").first)
        #expect(parked[parked.value].elementsEqual(letter[letter.value]))
        #expect(parked[parked.key].elementsEqual(letter[letter.key]))
        #expect(parked.headers.count == letter.headers.count + 2)
        #expect(parked.text(ofHeader: "adjutant-letter") == "lab.dlt/\(letter.partition)/\(letter.offset)")
        #expect(try stage.ledger().state(of: DeadLetter(letter)) == .quarantined)
        #expect(try stage.run(try stage.job("job-2")).counts.skipped == 2)
    }

    @Test("A letter that fails again and again ends in quarantine after the cap")
    func endless() throws {
        let stage = ReplayStage()
        stage.answer { _ in false }
        stage.cluster.put(Letters.own(id: "hopeless"))
        for round in 1...5 {
            #expect(try stage.run(try stage.job("job-\(round)")).counts.sent == 1, "round \(round)")
        }
        let last = try stage.run(try stage.job("job-6"))
        #expect(last.counts.sent == 0 && last.counts.quarantined == 1)
        #expect(stage.sent == ["hopeless": 5] && stage.cluster.records("lab.dlt.parked").count == 1)
        #expect(try stage.run(try stage.job("job-7")).counts.quarantined == 0)
    }

    @Test("A limit holds over stops and resumes")
    func limit() throws {
        var stage = ReplayStage()
        stage.fill(30)
        stage.options.limit = 12
        #expect(try stage.run(try stage.job()).counts.sent == 12)
        let cluster = stage.cluster
        let stopped = try stage.run(
            try stage.job("job-2"), isStopping: { cluster.records("lab.commands").count > 15 })
        #expect(stopped.state == .stopped && stopped.counts.sent > 0 && stopped.counts.sent < 12)
        let ended = try stage.run(try stage.resumed("job-2"))
        #expect(ended.state == .finished && ended.counts.sent == 12 && ended.counts.repeated == 0)
        #expect(stage.sent.count == 24 && stage.sent.values.allSatisfy { $0 == 1 })
    }

    @Test("Somebody's wish ends a job after its batch, for good", arguments: [0, 50])
    func cancel(rounds: Int) throws {
        let stage = ReplayStage()
        stage.fill(30)
        let sink = MemorySink(stage.cluster, rounds: rounds)
        let job = try stage.job()
        let cluster = stage.cluster
        stage.cluster.stored = { record in
            // Wishes are looked for now and then only.
            stage.clock.advance(by: 1_000_000)
            guard record.topic == "lab.commands", cluster.records("lab.commands").count == 10 else { return }
            cluster.put(
                Record(
                    topic: "", key: Letters.bytes("control/job-1"),
                    value: Letters.bytes(#"{"job":"job-1","at":2777889000000000,"actor":"boss","reason":"enough"}"#)),
                topic: "lab.dlt.jobs")
        }
        let ended = try stage.run(job, sink: sink)
        #expect(ended.state == .cancelled && ended.note.contains("boss"))
        #expect(ended.counts.sent >= 10 && ended.counts.sent <= 10 + 7)
        #expect(throws: DeadLetterError.self) { try stage.resumed() }
    }

    @Test("A record that the broker will not take stays parked, and the others go on")
    func refused() throws {
        let stage = ReplayStage()
        stage.fill(20)
        let sink = MemorySink(stage.cluster)
        sink.refuses = { record, _ in record.text(ofHeader: "ce_id") == "c-4" }
        let job = try stage.run(try stage.job(), sink: sink)
        #expect(job.state == .finished && job.counts.sent == 19 && job.counts.failed == 1)
        let letter = stage.cluster.records("lab.dlt").first { $0.text(ofHeader: "ce_id") == "c-4" }!
        #expect(try stage.ledger().state(of: DeadLetter(letter)) == .parked)
    }

    @Test("Letters for topics that are not declared are refused, and nothing is sent there")
    func undeclared() throws {
        let stage = ReplayStage()
        stage.cluster.put(Letters.foreign(Letters.spring(topic: "lab.audit", partition: 0)))
        stage.cluster.put(Letters.foreign(Letters.connect))
        let job = try stage.run(try stage.job())
        #expect(job.counts.refused == 1 && job.counts.sent == 1)
        #expect(stage.cluster.records("lab.audit").count == 1, "the note of the job itself")
    }

    // MARK: - Outcomes

    @Test("Canaries that succeed let the rest go")
    func canaries() throws {
        var stage = ReplayStage()
        stage.fill(20)
        stage.options.canary = 3
        stage.answer { _ in true }
        let job = try stage.run(try stage.job())
        #expect(job.state == .finished && job.counts.sent == 20 && job.canaryPassed)
    }

    @Test("A canary that fails again stops the job before anything else is sent")
    func canaryFails() throws {
        var stage = ReplayStage()
        stage.fill(20)
        stage.options.canary = 3
        let cluster = stage.cluster
        stage.answer { _ in cluster.records("lab.commands").count != 2 }
        let job = try stage.run(try stage.job())
        #expect(job.state == .stopped && job.note.contains("canary"))
        #expect(job.counts.sent == 3 && stage.cluster.records("lab.commands").count == 3)
        // Taken up, it looks at the canaries' outcomes again.
        let again = try stage.run(try stage.resumed())
        #expect(again.state == .stopped && again.counts.sent == 3)
    }

    @Test("A canary without an outcome stops the job when the time is up")
    func canarySilent() throws {
        var stage = ReplayStage()
        stage.fill(20)
        stage.options.canary = 3
        stage.options.outcomeTimeout = 500
        var isOutOfTime: [Bool] = []
        let job = try stage.run(
            try stage.job(),
            edit: { runner in
                runner.progress = { [unowned runner] _ in isOutOfTime.append(runner.isOutOfTime) }
            })
        #expect(isOutOfTime.first == false && isOutOfTime.last == true)
        #expect(job.state == .stopped && job.note.contains("no outcome of 3 canaries") && job.counts.sent == 3)
        // Their outcomes come while nobody looks; the job that is taken up finds them.
        for id in stage.sent.keys {
            stage.cluster.put(
                Record(topic: "", value: [], headers: [("ce_subject", Letters.bytes(id))]), topic: "lab.results")
        }
        stage.answer { _ in true }
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.sent == 20 && stage.sent.values.allSatisfy { $0 == 1 })
    }

    @Test("A canary that goes to a retry topic has failed")
    func canaryRetried() throws {
        var stage = ReplayStage()
        stage.fill(5)
        stage.options.canary = 2
        let cluster = stage.cluster
        stage.cluster.stored = { record in
            guard record.topic == "lab.commands" else { return }
            let origin = "lab.commands/\(record.partition)/\(record.offset)"
            cluster.put(
                Record(topic: "", value: [], headers: [("adjutant-origin", Letters.bytes(origin))]),
                topic: "lab.retry.5s")
        }
        let job = try stage.run(try stage.job())
        #expect(job.state == .stopped && job.counts.sent == 2)
    }

    @Test("Waiting at the end counts what succeeded and what failed again")
    func waits() throws {
        let stage = ReplayStage()
        stage.fill(9)
        stage.answer { $0.text(ofHeader: "ce_id") != "c-3" }
        let job = try stage.run(try stage.job(), edit: { $0.waitForOutcomes = 1000 })
        #expect(job.counts.succeeded == 8 && job.counts.failedAgain == 1)
    }

    // MARK: - Order

    @Test("In order: a key's letters go one by one, oldest command first, each after the outcome of the one before")
    func ordered() throws {
        var stage = ReplayStage(partitions: 2)
        // They failed in another order than they came.
        for (index, origin) in [4, 1, 3, 0, 2].enumerated() {
            for key in ["a", "b"] {
                stage.cluster.put(
                    Letters.own(
                        id: "\(key)-\(origin)", key: key, origin: ("lab.commands", key == "a" ? 0 : 1, Int64(origin)),
                        failed: "2026-05-04T10:00:0\(index)Z"))
            }
        }
        stage.options.isOrdered = true
        stage.answer { $0.text(ofHeader: "ce_id") != "a-2" }
        var open: [String: Int] = [:]
        var most = 0
        let answer = stage.cluster.stored
        stage.cluster.stored = { record in
            if record.topic == "lab.commands", let key = record.text(record.key) {
                open[key, default: 0] += 1
                most = max(most, open[key]!)
            }
            answer(record)
        }
        // The answer is there at once: what matters is that the next is sent only after it was read.
        let job = try stage.run(try stage.job())
        #expect(job.state == .finished && job.counts.sent == 10)
        for key in ["a", "b"] {
            let sent = stage.cluster.records("lab.commands").filter { $0.text($0.key) == key }
                .map { $0.text(ofHeader: "ce_id")! }
            #expect(sent == (0..<5).map { "\(key)-\($0)" })
        }
        #expect(most == 5)
    }

    @Test("In order: without an outcome nothing more of that key is sent")
    func orderedSilent() throws {
        var stage = ReplayStage()
        stage.fill(12, keys: 2)
        stage.options.isOrdered = true
        stage.options.outcomeTimeout = 200
        var isOutOfTime = false
        let job = try stage.run(
            try stage.job(),
            edit: { runner in
                runner.progress = { [unowned runner] _ in isOutOfTime = runner.isOutOfTime }
            })
        #expect(job.state == .stopped && job.counts.sent == 2 && isOutOfTime)
        // The outcomes come; the job that is taken up goes on behind them.
        for id in stage.sent.keys {
            stage.cluster.put(
                Record(topic: "", value: [], headers: [("ce_subject", Letters.bytes(id))]), topic: "lab.results")
        }
        stage.answer { _ in true }
        let ended = try stage.run(try stage.resumed())
        #expect(ended.state == .finished && ended.counts.sent == 12 && stage.sent.values.allSatisfy { $0 == 1 })
    }

    @Test("In order, quarantined and refused letters do not block their key")
    func orderedQuarantine() throws {
        var stage = ReplayStage()
        stage.options.isOrdered = true
        stage.answer { _ in true }
        for (index, replays) in [0, 5, 0].enumerated() {
            stage.cluster.put(
                Letters.own(id: "c-\(index)", origin: ("lab.commands", 0, Int64(index)), replays: replays))
        }
        let job = try stage.run(try stage.job())
        #expect(job.state == .finished && job.counts.sent == 2 && job.counts.quarantined == 1)
    }

    // MARK: - The rest

    @Test("Changed data are sent under a new id, whose outcome is waited for")
    func edited() throws {
        var stage = ReplayStage()
        stage.fill(1)
        stage.options.limit = 1
        stage.answer { _ in true }
        var job = try stage.job()
        job.editedData = #"{"a":2}"#
        job = try stage.run(job, edit: { $0.waitForOutcomes = 1000 })
        #expect(job.counts.sent == 1 && job.counts.succeeded == 1)
        #expect(try stage.noted()?.editedData == nil, "data are noted no longer than they are needed")
        let record = try #require(stage.cluster.records("lab.commands").first)
        #expect(record.text(ofHeader: "ce_id") != "c-0" && record.text(ofHeader: "ce_causationid") == "c-0")
    }

    @Test("Killed at any record and resumed, an edited replay sends the same command", arguments: 0..<6)
    func editedAndKilled(records: Int) throws {
        var stage = ReplayStage()
        stage.fill(1)
        stage.options.limit = 1
        var job = try stage.job()
        job.editedData = #"{"a":2}"#
        let sink = MemorySink(stage.cluster, diesAfter: records)
        if (try? stage.run(job, sink: sink)) == nil, try stage.noted() != nil {
            #expect(try stage.run(try stage.resumed()).state == .finished)
        } else {
            #expect(records == 0 || stage.sent.count == 1, "it was not even noted, or done")
        }
        guard records > 0 else { return }
        let record = try #require(stage.cluster.records("lab.commands").first)
        #expect(record.text(record.value) == #"{"a":2}"# && record.text(ofHeader: "ce_causationid") == "c-0")
        #expect(stage.sent.count == 1 && !stage.sent.keys.contains("c-0"))
    }

    @Test("Letters that went while the job waited are told, not taken for done")
    func trimmed() throws {
        let stage = ReplayStage(partitions: 1)
        stage.fill(10)
        let job = try stage.job()
        stage.cluster.trimmed["lab.dlt"] = [0: 4]
        let ended = try stage.run(job)
        #expect(ended.counts.sent == 6 && ended.counts.missing == 4)
    }

    @Test("A preview writes nothing")
    func preview() throws {
        let stage = ReplayStage()
        stage.fill(10)
        let before = stage.cluster.ends
        let source = MemorySource(stage.cluster)
        let ledger = try LedgerStore(domain: "lab", source: source).ledger
        var rules = ReplayRules(filter: LetterFilter(), options: .init(), targets: ReplayStage.targets)
        var plan = ReplayPlan(now: stage.clock.now, limit: nil)
        let scan = LetterScan(source: source, topic: "lab.dlt", clock: stage.clock.clock)
        let report = try scan.run(try scan.ranges()) { letter in
            let state = ledger.state(of: letter)
            if let decision = rules.decide(letter, state) { plan.add(letter, state, decision) }
            return true
        }
        #expect(plan.send == 10 && report.scanned == 10 && report.end == .complete)
        #expect(stage.cluster.ends == before)
    }

    @Test("Discarded, resolved and restored letters, and what the audit tells of them")
    func actions() throws {
        let stage = ReplayStage()
        stage.fill(4)
        let source = MemorySource(stage.cluster)
        let letters = stage.cluster.records("lab.dlt").map { DeadLetter($0) }
        func act(_ kind: ActionRecord.Kind, _ some: [DeadLetter]) throws {
            let actions = LetterActions(
                domain: "lab", ledger: try LedgerStore(domain: "lab", source: source), sink: MemorySink(stage.cluster),
                clock: stage.clock.clock)
            if kind == .resolve { try actions.publish(result: Letters.bytes("7"), of: some[0], actor: "me") }
            try actions.apply(
                kind, to: some.map(\.coordinate), details: some,
                .init(id: "x-\(stage.clock.now)", actor: "me", reason: "why", filter: "f=1", topic: "lab.dlt"))
        }
        try act(.discard, Array(letters[0...2]))
        try act(.restore, [letters[1]])
        try act(.resolve, [letters[3]])
        let ledger = try stage.ledger()
        #expect(letters.map { ledger.state(of: $0) } == [.discarded, .parked, .discarded, .resolved])
        #expect(try stage.run(try stage.job()).counts.sent == 1)
        let result = try #require(stage.cluster.records("lab.results").first)
        #expect(result.text(ofHeader: "ce_type") == "lab.run.succeeded")
        #expect(result.text(ofHeader: "ce_subject") == letters[3].id && result.text(result.value) == "7")
        #expect(
            result.text(ofHeader: "ce_id") == Identifier.eventID(kind: "succeeded", commandID: letters[3].id ?? ""))
        let kinds = stage.cluster.records("lab.audit").map { $0.text(ofHeader: "ce_type") ?? "" }.sorted()
        let discarded = Array(repeating: "discarded", count: 4)
        #expect(
            kinds == (["deadlettered"] + discarded + ["replayed", "succeeded"]).map { "adjutant.command.\($0)" })
    }
}
