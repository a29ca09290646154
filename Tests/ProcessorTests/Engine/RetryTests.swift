import Commands
import Foundation
@testable import Processor
import Testing

/// Retries in place and by way of a topic, and where they end.
@Suite(.timeLimit(.minutes(10))) struct RetryTests {
    private static let flaky: @Sendable (Gate, TestRun, CommandContext) async throws -> Void = { _, command, context in
        if context.attempt <= command.amount ?? 0 { throw CommandError.transient("BUSY", "try later") }
    }

    @Test func aShortDelayHoldsItsKeyOnly() async throws {
        let clock = ManualClock()
        let harness = try Harness(
            retry: .fixed(.milliseconds(100), attempts: 3), clock: clock.clock, script: Self.flaky)
        harness.broker.send("a-1", key: "a", #"{"amount":2}"#)
        harness.broker.send("a-2", key: "a")
        harness.broker.send("b-1", key: "b")
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        await harness.until("test.audit", has: 2)
        await harness.until(running) { $0.waitingForTime == 1 }
        clock.advance(milliseconds: 99)
        await harness.turns(running)
        #expect(harness.journal.value.ids.sorted() == ["a-1", "b-1"])
        #expect(harness.broker.committed("test.commands")?.offset ?? 0 == 0)
        clock.advance(milliseconds: 1)
        await harness.journal.until { $0.hasStarted("a-1", attempt: 2) }
        await harness.until("test.audit", has: 3)
        await harness.until(running) { $0.waitingForTime == 1 }
        clock.advance(milliseconds: 100)
        await harness.until("test.audit", has: 5)
        try await running.stop()
        #expect(harness.journal.value.starts.filter { $0.key == "a" }.map(\.id) == ["a-1", "a-1", "a-1", "a-2"])
        #expect(harness.journal.value.attempts("a-1") == [1, 2, 3])
        let result = harness.broker.records("test.results").first { $0.headerText("ce_subject") == "a-1" }
        #expect(result?.headerText("adjutant-attempt") == "3")
        #expect(
            harness.broker.records("test.audit").filter { $0.keyText == "a-1" }.map { $0.headerText("ce_type") } == [
                "adjutant.command.retried", "adjutant.command.retried", "adjutant.command.succeeded",
            ])
        #expect(Set(harness.broker.records("test.audit").map { $0.headerText("ce_id") }).count == 5)
        #expect(harness.broker.committed("test.commands")?.offset == 3)
    }

    @Test func aLongDelayGoesToItsTopicAndIsNeverEarly() async throws {
        let clock = ManualClock()
        let harness = try Harness(
            retry: .fixed(.seconds(7), attempts: 3), clock: clock.clock, script: Self.flaky)
        harness.broker.send("a-1", key: "a", #"{"amount":1}"#, extra: [("x-plain", "1"), ("adjutant-attempt", "7")])
        harness.broker.send("a-2", key: "a")
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        await harness.untilCommitted(2)
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.keyText == "a")
        #expect(retry.valueText == #"{"amount":1}"#)
        #expect(
            retry.headerNames == [
                "ce_specversion", "ce_id", "ce_source", "ce_type", "content-type", "x-plain", "adjutant-attempt",
                "adjutant-due", "adjutant-origin", "adjutant-first-failed", "adjutant-error-class",
                "adjutant-error-code",
            ])
        #expect(retry.headerText("adjutant-attempt") == "1")
        #expect(retry.headerText("adjutant-due") == "\(clock.milliseconds + 7000)")
        #expect(retry.headerText("adjutant-origin") == "test.commands/0/0")
        #expect(retry.headerText("adjutant-first-failed")?.hasPrefix("2026-01-01T00:00:00") == true)
        #expect(retry.headerText("adjutant-error-class") == "transient")
        #expect(retry.headerText("adjutant-error-code") == "BUSY")

        clock.advance(milliseconds: 6999)
        await harness.turns(running)
        #expect(harness.journal.value.attempts("a-1") == [1])
        clock.advance(milliseconds: 1)
        await harness.until("test.results", has: 2)
        await harness.untilCommitted(1, "test.retry.5s")
        try await running.stop()
        #expect(harness.journal.value.attempts("a-1") == [1, 2])
        let audit = try #require(harness.broker.records("test.audit").last)
        let origin = try #require(audit.json["origin"] as? [String: Any])
        #expect(origin["topic"] as? String == "test.commands")
        #expect(origin["offset"] as? Int == 0)
        #expect(audit.json["attempt"] as? Int == 2)
    }

    @Test func usedUpAttemptsEndAsADeadLetter() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.seconds(5), attempts: 2), clock: clock.clock, script: Self.flaky)
        harness.broker.send("a-1", key: "a", #"{"amount":9}"#)
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        clock.advance(milliseconds: 5000)
        await harness.until("test.audit", has: 3)
        try await running.stop()
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(
            failure.valueText
                == #"{"class":"exhausted","code":"BUSY","message":"try later","attempts":2,"deadLettered":true,"#
                + #""errors":[]}"#)
        let dead = try #require(harness.broker.records("test.dlt").first)
        #expect(dead.valueText == #"{"amount":9}"#)
        let own = dead.headerNames.filter { $0.hasPrefix("adjutant-") || $0.hasPrefix("__dlq") }
        let expected = [
            "__dlq.errors.topic": "test.commands", "__dlq.errors.partition": "0", "__dlq.errors.offset": "0",
            "__dlq.errors.group": "adjutant.test", "__dlq.errors.delivery.count": "2",
            "__dlq.errors.message": "BUSY: try later", "adjutant-error-class": "exhausted",
            "adjutant-error-code": "BUSY", "adjutant-replays": "0",
            "adjutant-first-failed": "2026-01-01T00:00:00.000Z", "adjutant-failed": "2026-01-01T00:00:05.000Z",
            "adjutant-fingerprint": Fingerprint.make(
                failureClass: .exhausted, code: "BUSY", type: "test.run", message: "try later"),
        ]
        #expect(own.sorted() == expected.keys.sorted())
        for (name, value) in expected { #expect(dead.headerText(name) == value, "\(name)") }
    }

    @Test func retryHeadersAreBelievedOnRetryTopicsOnly() async throws {
        let harness = try Harness(retry: .fixed(.seconds(5), attempts: 2), clock: ManualClock().clock)
        let forged = [("adjutant-attempt", "1"), ("adjutant-due", "99999999999999"), ("adjutant-origin", "x/1/1")]
        harness.broker.send("c-1", extra: forged)
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1])
        #expect(harness.broker.records("test.audit").first?.valueText.contains(#""offset":0"#) == true)
    }

    @Test func anErrorsOwnDelayOverridesThePolicy() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.milliseconds(1), attempts: 2), clock: clock.clock) { _, _, context in
            if context.attempt == 1 { throw CommandError.transient("BUSY", retryAfter: .seconds(61)) }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.retry.1m", has: 1)
        try await running.stop()
        let due = harness.broker.records("test.retry.1m").first?.headerText("adjutant-due")
        #expect(due == "\(clock.milliseconds + 61_000)")
    }

    @Test func anEndlessDelayIsNoCrash() async throws {
        let harness = try Harness(clock: ManualClock().clock) { _, _, context in
            if context.attempt == 1 { throw CommandError.transient("BUSY", retryAfter: .seconds(Int64.max)) }
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.retry.1m", has: 1)
        await harness.untilCommitted(1)
        try await running.stop()
        #expect(harness.journal.value.ids == ["c-1"])
    }

    @Test func notBeforeIsObeyedAndSaid() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock)
        harness.broker.send("soon", key: "a", extra: [("ce_notbefore", "2026-01-01T00:00:01Z")])
        harness.broker.send("later", key: "b", extra: [("ce_notbefore", "2026-01-01T00:00:30Z")])
        harness.broker.send("now", key: "c")
        let running = await harness.start()
        await harness.until("test.results", has: 1)
        await harness.until("test.retry.5s", has: 1)
        // "soon" waits in place, and "later" by way of the retry topic.
        await harness.until(running) { $0.waitingForTime == 2 }
        clock.advance(milliseconds: 999)
        #expect(harness.journal.value.ids == ["now"])
        clock.advance(milliseconds: 1)
        await harness.until("test.results", has: 2)
        for _ in 0..<29 {
            #expect(!harness.journal.value.ids.contains("later"))
            clock.advance(milliseconds: 1000)
            let polls = running.source.log.read { $0.polls }
            await running.source.log.until { $0.polls > polls + 6 }
        }
        await harness.until("test.results", has: 3)
        try await running.stop()
        #expect(harness.journal.value.ids == ["now", "soon", "later"])
        #expect(harness.journal.value.attempts("later") == [1])
        let audits = harness.broker.records("test.audit")
        let scheduled = audits.filter { $0.headerText("ce_type") == "adjutant.command.scheduled" }
        // Once in place, and at every turn of the retry topics.
        #expect(scheduled.filter { $0.headerText("ce_subject") == "soon" }.count == 1)
        #expect(scheduled.filter { $0.headerText("ce_subject") == "later" }.count > 1)
        #expect(!scheduled.contains { $0.headerText("ce_subject") == "now" })
        #expect(!audits.contains { $0.headerText("ce_type") == "adjutant.command.retried" })
    }

    /// Put off three times, and one of them twice, as after a crash: an id each, and the same one for the repeat.
    @Test func everyPostponementHasAnIDOfItsOwn() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock)
        harness.broker.send(
            "c-1", extra: [("ce_notbefore", "2026-01-01T00:00:17Z"), ("adjutant-postponements", "7")])
        let running = await harness.start()
        for round in 1...3 {
            await harness.until("test.retry.5s", has: round)
            clock.advance(milliseconds: 5000)
        }
        await harness.until(running) { $0.settling == 0 && $0.waitingForTime == 1 }
        clock.advance(milliseconds: 2000)
        await harness.until("test.results", has: 1)
        try await running.stop()
        let scheduled = harness.broker.records("test.audit").filter {
            $0.headerText("ce_type") == "adjutant.command.scheduled"
        }
        let ids = scheduled.compactMap { $0.headerText("ce_id") }
        #expect(ids.count == 3)
        #expect(Set(ids).count == 3)
        #expect(
            harness.broker.records("test.retry.5s").map { $0.headerText("adjutant-postponements") } == ["1", "2", "3"])

        // Another worker, at another time, does the second one again.
        harness.broker.state.update { $0.committed[TopicPartition("test.retry.5s", 0)] = nil }
        let late = ManualClock()
        late.advance(milliseconds: 5500)
        let again = try Harness(
            broker: harness.broker, clock: late.clock, settings: .testing { $0.grace = .zero })
        let repeating = await again.start([TopicPartition("test.retry.5s", 0)])
        await again.until("test.audit", has: 5)
        repeating.cut()
        try await repeating.stop()
        #expect(harness.broker.records("test.audit").last?.headerText("ce_id") == ids[1])
    }

    @Test func aCommandWithAsManyHeadersAsAllowedIsRetried() async throws {
        let clock = ManualClock()
        let harness = try Harness(clock: clock.clock, script: Self.flaky)
        harness.broker.send("c-1", #"{"amount":1}"#, extra: (0..<59).map { ("x-\($0)", "v") })
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        clock.advance(milliseconds: 5000)
        await harness.until("test.audit", has: 2)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
        #expect(harness.broker.records("test.results").count == 1)
    }

    @Test func headersDoNotPileUpOverFiftyRounds() async throws {
        let harness = try Harness { _, _, _ in throw CommandError.permanent("BROKEN", "for good") }
        harness.broker.send("c-1", extra: [("adjutant-replays", "3")])
        let running = await harness.start()
        var sizes: Set<Int> = []
        for round in 1...50 {
            await harness.until("test.dlt", has: round)
            let dead = harness.broker.records("test.dlt")[round - 1]
            if round > 1 { sizes.insert(dead.headers.reduce(0) { $0 + Int($1.name.count + max(0, $1.value.count)) }) }
            #expect(Set(dead.headerNames).count == dead.headerNames.count)
            #expect(dead.headerText("adjutant-replays") == "3")
            harness.broker.append(
                "test.commands", key: Array(dead[dead.key]), value: Array(dead[dead.value]),
                headers: dead.headers.map { (dead.text($0.name)!, Array(dead[$0.value])) })
        }
        await harness.until("test.dlt", has: 51)
        try await running.stop()
        // Offsets gain a digit, times and the rest keep their length.
        #expect(sizes.max()! - sizes.min()! <= 1)
    }

    @Test func aLongMessageIsCutBetweenCharacters() async throws {
        let harness = try Harness { _, _, _ in
            throw CommandError.permanent("LONG", String(repeating: "ü👨‍👩‍👧‍👦", count: 1000))
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.audit", has: 2)
        try await running.stop()
        let dead = try #require(harness.broker.records("test.dlt").first)
        let message = try #require(dead.headerText("__dlq.errors.message"))
        #expect(message.utf8.count <= 1024)
        #expect(message.utf8.count > 950)
        #expect(message.hasPrefix("LONG: ü👨‍👩‍👧‍👦"))
        #expect(message.dropFirst(6).dropLast().allSatisfy { $0 == "ü" || $0 == "👨‍👩‍👧‍👦" })
    }

    /// A code that is a story: the retry record must stay readable, and the dead letter too.
    @Test func anEndlessCodeIsCut() async throws {
        let clock = ManualClock()
        let code = String(repeating: "ü", count: 6000)
        let harness = try Harness(retry: .fixed(.seconds(5), attempts: 2), clock: clock.clock) { _, _, _ in
            throw CommandError.transient(code, String(repeating: "x", count: 100_000))
        }
        harness.broker.send("c-1")
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        clock.advance(milliseconds: 5000)
        await harness.until("test.audit", has: 3)
        try await running.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
        let cut = String(repeating: "ü", count: 62) + "…"
        for topic in ["test.retry.5s", "test.dlt"] {
            let record = try #require(harness.broker.records(topic).first)
            #expect(record.headerText("adjutant-error-code") == cut)
            #expect(record.headers.allSatisfy { $0.value.count <= 1024 })
        }
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.json["class"] as? String == "exhausted")
        #expect(failure.json["code"] as? String == cut)
        #expect((failure.json["message"] as? String)?.utf8.count == 8192)
    }

    @Test func aStopDoesNotForgetAttempts() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.seconds(1), attempts: 3), clock: clock.clock, script: Self.flaky)
        harness.broker.send("c-1", #"{"amount":1}"#)
        let running = await harness.start()
        await harness.until("test.audit", has: 1)
        try await running.stop()
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("adjutant-attempt") == "1")
        #expect(Int64(try #require(retry.headerText("adjutant-due")))! >= clock.milliseconds + 1000)
        #expect(harness.broker.committed("test.commands")?.offset == 1)
        let again = await harness.start()
        clock.advance(milliseconds: 1100)
        await harness.until("test.results", has: 1)
        try await again.stop()
        #expect(harness.journal.value.attempts("c-1") == [1, 2])
    }

    /// The retry's time comes while the engine is stopping: the attempt counts all the same.
    @Test func aRetryThatFallsDueDuringTheStopIsNotForgotten() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.milliseconds(1), attempts: 3), clock: clock.clock) {
            gate, command, context in
            await gate.pass(context.commandID)
            if command.amount == 1 { throw CommandError.transient("BUSY") }
        }
        harness.broker.send("slow", key: "a")
        harness.broker.send("flaky", key: "b", #"{"amount":1}"#)
        let running = await harness.start()
        await harness.journal.until { $0.starts.count == 2 }
        let stopping = Task { try await running.stop() }
        await harness.untilDraining(running)
        harness.gate.open("flaky")
        await harness.advance(clock, by: 10, running) { !harness.broker.records("test.retry.5s").isEmpty }
        harness.gate.open("slow")
        try await stopping.value
        #expect(harness.broker.records("test.retry.5s").first?.headerText("adjutant-attempt") == "1")
        #expect(harness.broker.committed("test.commands")?.offset == 2)
    }
}
