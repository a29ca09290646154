import Commands
import Foundation
import Processor
import Testing

/// What ends on which topic, with which headers and which data.
@Suite(.timeLimit(.minutes(10))) struct OutcomeTests {
    /// Runs until there are so many audit events, and stops.
    private func run(_ harness: Harness, audits: Int = 1, send: (MemoryBroker) -> Void) async throws {
        send(harness.broker)
        let running = await harness.start()
        await harness.until("test.audit", has: audits)
        try await running.stop()
    }

    private static let carried = [
        ("ce_correlationid", "corr-1"), ("ce_causationid", "cause-1"), ("ce_actor", "alice"), ("ce_tenant", "t-1"),
        ("ce_batchid", "b-1"), ("ce_sagaid", "s-1"), ("ce_shoesize", "42"), ("ce_time", "2026-01-01T00:00:00Z"),
        ("ce_subject", "old subject"), ("x-plain", "not ours"),
    ]

    @Test func aSuccessIsAResult() async throws {
        let harness = try Harness(clock: ManualClock().clock)
        try await self.run(harness) { $0.send("c-1", key: "key", extra: Self.carried) }
        let result = try #require(harness.broker.records("test.results").first)
        #expect(result.keyText == "key")
        #expect(result.valueText == #"{"text":"done"}"#)
        #expect(result.headerText("content-type") == "application/json")
        #expect(result.headerText("ce_specversion") == "1.0")
        #expect(result.headerText("ce_type") == "test.run.succeeded")
        #expect(result.headerText("ce_source") == "adjutant/test")
        #expect(result.headerText("ce_subject") == "c-1")
        #expect(result.headerText("ce_causationid") == "c-1")
        #expect(result.headerText("ce_correlationid") == "corr-1")
        #expect(result.headerText("ce_id") == Identifier.eventID(kind: "succeeded", commandID: "c-1"))
        #expect(result.headerText("ce_time") == "2026-01-01T00:00:00.000Z")
        #expect(result.headerText("adjutant-attempt") == "1")
        for (name, value) in Self.carried[2...6] { #expect(result.headerText(name) == value) }
        #expect(result.headerText("x-plain") == nil)
        #expect(Set(result.headerNames).count == result.headerNames.count)
        #expect(harness.broker.records("test.failures").isEmpty)
        #expect(harness.broker.records("test.dlt").isEmpty)
    }

    @Test func withoutACorrelationTheCommandIsIt() async throws {
        let harness = try Harness()
        try await self.run(harness) { $0.send("c-1", key: nil, extra: [("ce_partitionkey", "pk")]) }
        let result = try #require(harness.broker.records("test.results").first)
        #expect(result.headerText("ce_correlationid") == "c-1")
        #expect(result.keyText == "pk")
    }

    @Test func theAuditSaysWhatHappened() async throws {
        let harness = try Harness(clock: ManualClock().clock)
        try await self.run(harness) { $0.send("c-1", key: "schlüssel", extra: Self.carried) }
        let audit = try #require(harness.broker.records("test.audit").first)
        #expect(audit.keyText == "c-1")
        #expect(audit.headerText("ce_type") == "adjutant.command.succeeded")
        #expect(audit.headerText("ce_subject") == "c-1")
        #expect(audit.headerText("ce_tenant") == "t-1")
        let time = "2026-01-01T00:00:00.000000Z"
        #expect(
            audit.valueText
                == #"{"commandId":"c-1","type":"test.run","key":"schlüssel","attempt":1,"class":null,"code":null,"#
                + #""worker":"worker-1","origin":{"topic":"test.commands","partition":0,"offset":0},"#
                + #""receivedAt":"\#(time)","startedAt":"\#(time)","finishedAt":"\#(time)"}"#)
    }

    @Test func aRefusalIsAFailureAndNoDeadLetter() async throws {
        let harness = try Harness { _, _, _ in throw CommandError.rejected("DECLINED", "the bank said \"no\"") }
        try await self.run(harness) { $0.send("c-1", extra: Self.carried) }
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(
            failure.valueText
                == #"{"class":"rejected","code":"DECLINED","message":"the bank said \"no\"","attempts":1,"#
                + #""deadLettered":false,"errors":[]}"#)
        #expect(failure.headerText("ce_type") == "test.run.failed")
        #expect(failure.headerText("ce_id") == Identifier.eventID(kind: "failed", commandID: "c-1"))
        #expect(failure.headerText("ce_shoesize") == "42")
        #expect(harness.broker.records("test.dlt").isEmpty)
        #expect(harness.broker.records("test.results").isEmpty)
        let audit = try #require(harness.broker.records("test.audit").first)
        #expect(audit.headerText("ce_type") == "adjutant.command.failed")
        #expect(audit.json["class"] as? String == "rejected")
        #expect(audit.json["code"] as? String == "DECLINED")
    }

    @Test func allProblemsOfTheDataAreToldAtOnce() async throws {
        let harness = try Harness()
        try await self.run(harness) { $0.send("c-1", #"{"amount": -1, "note": ""}"#) }
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(
            failure.valueText
                == #"{"class":"invalid","code":"INVALID","message":"the data has 2 problems","attempts":1,"#
                + #""deadLettered":false,"errors":["#
                + #"{"path":"amount","code":"range","message":"must not be negative"},"#
                + #"{"path":"note","code":"invalid","message":"must not be empty"}]}"#)
        #expect(harness.broker.records("test.dlt").isEmpty)
        #expect(harness.journal.value.starts.isEmpty)
    }

    @Test func anUnknownTypeIsUnhandledAndParked() async throws {
        let harness = try Harness()
        try await self.run(harness, audits: 2) { $0.send("c-1", type: "test.unknown") }
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.headerText("ce_type") == "test.unknown.failed")
        #expect(failure.json["class"] as? String == "unhandled")
        #expect(failure.json["deadLettered"] as? Bool == true)
        #expect(harness.broker.records("test.dlt").count == 1)
        #expect(
            harness.broker.records("test.audit").map { $0.headerText("ce_type") }
                == ["adjutant.command.failed", "adjutant.command.deadlettered"])
    }

    @Test func whatHasExpiredIsNotRun() async throws {
        let harness = try Harness(clock: ManualClock().clock)
        try await self.run(harness, audits: 2) {
            $0.send("late", extra: [("ce_expirytime", "2026-01-01T00:00:00Z")])
            $0.send("in-time", extra: [("ce_expirytime", "2026-01-01T00:00:00.001Z")])
        }
        #expect(harness.journal.value.ids == ["in-time"])
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.json["class"] as? String == "expired")
        #expect(failure.json["attempts"] as? Int == 0)
        #expect(harness.broker.records("test.dlt").isEmpty)
        #expect(harness.broker.records("test.audit").first?.headerText("ce_type") == "adjutant.command.expired")
    }

    @Test func replyToIsObeyedForAllowedTopicsOnly() async throws {
        let harness = try Harness(settings: .testing { $0.replyTopics = ["replies"] }) { _, _, context in
            if context.commandID == "c-3" { throw CommandError.rejected("NO") }
        }
        try await self.run(harness, audits: 3) {
            $0.send("c-1", extra: [("ce_replyto", "replies")])
            $0.send("c-2", extra: [("ce_replyto", "test.commands")])
            $0.send("c-3", extra: [("ce_replyto", "replies")])
        }
        let replies = harness.broker.records("replies")
        #expect(replies.map { $0.headerText("ce_subject") } == ["c-1", "c-3"])
        #expect(replies.first?.headerText("ce_type") == "test.run.succeeded")
        #expect(replies.last?.headerText("ce_type") == "test.run.failed")
        #expect(harness.broker.records("test.commands").count == 3)
    }

    @Test func theSameInputGivesTheSameIDs() async throws {
        func run() async throws -> [String] {
            let harness = try Harness { _, command, _ in
                if command.amount == 1 { throw CommandError.permanent("BROKEN") }
            }
            try await self.run(harness, audits: 5) {
                $0.send("c-1")
                $0.send("c-2", #"{"amount":1}"#)
                $0.append("test.commands", key: nil, value: [1], headers: [])
            }
            return ["test.results", "test.failures", "test.audit"].flatMap { topic in
                harness.broker.records(topic).map { "\(topic) \($0.headerText("ce_id") ?? "none")" }
            }.sorted()
        }
        let first = try await run()
        let second = try await run()
        #expect(first == second)
        #expect(first.count == 7)
        #expect(Set(first).count == 7)
    }

    @Test func traceContextGoesOnWithANewParent() async throws {
        let harness = try Harness()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try await self.run(harness) {
            $0.send("c-1", extra: [("traceparent", parent), ("tracestate", "a=b"), ("ce_traceparent", "as it came")])
        }
        let result = try #require(harness.broker.records("test.results").first)
        let child = try #require(result.headerText("traceparent"))
        #expect(child.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-"))
        #expect(child.hasSuffix("-01"))
        #expect(child.utf8.count == 55)
        #expect(child != parent)
        #expect(result.headerText("tracestate") == "a=b")
        #expect(result.headerText("ce_traceparent") == "as it came")
    }
}
