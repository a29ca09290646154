import Commands
import Processor
import Testing

/// An engine with a ledger: what is remembered, and what follows from it.
@Suite(.timeLimit(.minutes(10))) struct InboxTests {
    private static func kinds(_ broker: MemoryBroker) -> [String] {
        broker.records("test.audit").map { String($0.headerText("ce_type")!.split(separator: ".").last!) }
    }

    // MARK: - Repeats

    @Test func aRepeatRunsNothingAndSendsTheFirstOutcome() async throws {
        let harness = try Harness(clock: ManualClock().clock, ledger: MemoryLedger()) { _, command, context in
            let note = command.note ?? ""
            try await context.transaction { try await $0.query("INSERT", [.text(note)]) }
        }
        harness.broker.send("c-1", #"{"note":"first"}"#, extra: [("ce_correlationid", "corr")])
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        harness.broker.send("c-1", key: "another", #"{"note":"second"}"#, extra: [("ce_correlationid", "corr")])
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-1"])
        #expect(harness.ledger?.state.value.written == ["first"])
        #expect(Self.kinds(harness.broker) == ["succeeded", "duplicate"])
        let results = harness.broker.records("test.results")
        #expect(results.count == 2)
        #expect(Set(results.map { $0.headerText("ce_id") }).count == 1)
        #expect(Set(results.map(\.valueText)) == [#"{"text":"done"}"#])
        #expect(Set(results.map { $0.headerText("ce_time") }).count == 1)
        #expect(results.map { $0.headerText("adjutant-attempt") } == ["1", "1"])
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }

    @Test func theRepeatOfAFailureSendsTheFailureAndNoSecondDeadLetter() async throws {
        let harness = try Harness(ledger: MemoryLedger()) { _, _, _ in
            throw CommandError.permanent("BROKEN", "it cannot work")
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        harness.broker.send("c-1")
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-1"])
        #expect(Self.kinds(harness.broker) == ["failed", "deadlettered", "duplicate"])
        let failures = harness.broker.records("test.failures")
        #expect(failures.count == 2)
        #expect(Set(failures.map { $0.headerText("ce_id") }).count == 1)
        #expect(Set(failures.map(\.valueText)).count == 1)
        #expect(harness.broker.records("test.dlt").count == 1)
    }

    @Test func allProblemsOfAnInvalidCommandAreToldAgain() async throws {
        let harness = try Harness(ledger: MemoryLedger())
        harness.broker.send("c-1", #"{"amount":-1,"note":""}"#)
        harness.broker.send("c-1", #"{"amount":-1,"note":""}"#)
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        try await running.stop()
        let failures = harness.broker.records("test.failures")
        #expect(failures.count == 2)
        #expect(Set(failures.map(\.valueText)).count == 1)
        #expect((failures.last?.json["errors"] as? [Any])?.count == 2)
    }

    /// The ledger says who was first, although both were looked up before either had ended.
    @Test func ofTwoAtOnceTheSecondSendsTheOutcomeOfTheFirst() async throws {
        let harness = try Harness(ledger: MemoryLedger()) { gate, command, context in
            let note = command.note ?? ""
            await gate.pass(note)
            try await context.transaction { try await $0.query("INSERT", [.text(note)]) }
        }
        harness.broker.send("c-1", key: "a", #"{"note":"first"}"#)
        harness.broker.send("c-1", key: "b", #"{"note":"second"}"#)
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 2 }
        harness.gate.open("second")
        await harness.until("test.audit", has: 1)
        harness.gate.open("first")
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(harness.ledger?.state.value.written == ["second"])
        #expect(Self.kinds(harness.broker) == ["succeeded", "duplicate"])
        #expect(Set(harness.broker.records("test.results").map { $0.headerText("ce_id") }).count == 1)
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }

    // MARK: - A worker that ended in between

    /// The outcome is recorded, and nothing of it was sent: all of it goes out when the record comes again.
    @Test func whatWasRecordedAndNotSentIsSentInFull() async throws {
        let settings = EngineSettings.testing { $0.grace = .zero }
        let harness = try Harness(settings: settings, ledger: MemoryLedger()) { _, command, _ in
            if command.amount == 1 { throw CommandError.permanent("BROKEN", "it cannot work") }
        }
        let first = await harness.start()
        first.sink.hold { _ in true }
        harness.broker.send("good", key: "g")
        harness.broker.send("bad", key: "b", #"{"amount":1}"#)
        await harness.ledger?.state.until { $0.rows.count == 2 }
        first.cut()
        let second = await harness.start()
        await harness.until("test.audit", has: 5)
        await harness.untilCommitted(2)
        try await second.stop()
        try await first.stop()
        #expect(harness.journal.value.ids.sorted() == ["bad", "good"])
        #expect(harness.broker.records("test.results").map { $0.headerText("ce_subject") } == ["good"])
        #expect(harness.broker.records("test.failures").map { $0.headerText("ce_subject") } == ["bad"])
        let letter = try #require(harness.broker.records("test.dlt").first)
        #expect(letter.valueText == #"{"amount":1}"#)
        #expect(letter.headerText("adjutant-error-code") == "BROKEN")
        #expect(letter.headerText("__dlq.errors.offset") == "1")
        #expect(
            Self.kinds(harness.broker).sorted() == ["deadlettered", "duplicate", "duplicate", "failed", "succeeded"])
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }

    /// The partition's next owner raised the epoch: the earlier one has nothing to say any more.
    @Test func anEarlierOwnerIsShutOut() async throws {
        let harness = try Harness(ledger: MemoryLedger()) { gate, _, context in
            let run = context.attempt
            await gate.pass("go")
            try await context.transaction { try await $0.query("INSERT", [.text("written in \(run)")]) }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.journal.until { $0.hasStarted("c-1") }
        _ = harness.ledger?.own(harness.inputs)
        harness.gate.open("go")
        await harness.ledger?.state.until { $0.fenced == 1 }
        try await running.stop()
        #expect(harness.ledger?.state.value.written == [])
        for topic in ["test.results", "test.failures", "test.audit", "test.dlt", "test.retry.5s"] {
            #expect(harness.broker.records(topic).isEmpty)
        }
        #expect((harness.broker.committed("test.commands")?.offset ?? 0) == 0)
    }

    @Test func eachAssignmentHasAnEpochOfItsOwn() async throws {
        let harness = try Harness(ledger: MemoryLedger())
        let running = await harness.start()
        #expect(harness.ledger?.state.value.epochs == Dictionary(uniqueKeysWithValues: harness.inputs.map { ($0, 1) }))
        running.source.post(.revoked(harness.inputs, lost: false))
        await running.source.log.until { $0.released.count == harness.inputs.count }
        running.source.post(.assigned(harness.inputs))
        await running.source.log.until { $0.begun.count == 2 * harness.inputs.count }
        harness.broker.send("c-1")
        await harness.until("test.results", has: 1)
        try await running.stop()
        #expect(harness.ledger?.state.value.row("c-1")?.entry.command.epoch == 2)
        #expect(harness.ledger?.state.value.isClosed == true)
    }
}
