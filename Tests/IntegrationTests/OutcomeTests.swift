import Foundation
import Testing

extension IntegrationTests {
    /// What becomes of single commands, by the contract's sections 4, 5 and 7.
    @Suite(.serialized) struct OutcomeTests {
        @Test("failFirst 2 with three attempts: one retry in place, one by the retry topic, never early")
        func recovers() async throws {
            try await SharedLab.with { lab in
                let message = CommandMessage(id: "recovers", key: "r", data: #"{"failFirst":2,"echo":7}"#)
                let result = try lab.outcome(of: message)
                #expect(result.type == "lab.run.succeeded")
                #expect(result.header("adjutant-attempt") == "3")
                #expect(result.data["attempt"] as? Int == 3)
                #expect(result.data["echo"] as? Int == 7)

                let audits = try lab.audits(of: message.id, ["retried", "succeeded"])
                #expect(audits.filter { $0.auditKind == "retried" }.map { $0.data["attempt"] as? Int } == [1, 2])
                let retry = try #require(lab.journal.now.retries.first { $0.id == message.id })
                #expect(retry.topic == "lab.retry.1s")
                #expect(retry.key == "r")
                #expect(retry.value == message.value)
                #expect(retry.header("adjutant-attempt") == "2")
                #expect(retry.header("adjutant-error-class") == "transient")
                #expect(retry.header("adjutant-error-code") == "LAB_TRANSIENT")
                let origin = try #require(audits.first?.data["origin"] as? [String: Any])
                #expect(
                    retry.header("adjutant-origin")
                        == "\(origin["topic"]!)/\(origin["partition"]!)/\(origin["offset"]!)")
                #expect(retry.header("adjutant-first-failed").flatMap { Time.microseconds($0) } != nil)
                let due = try #require(retry.header("adjutant-due").flatMap { Int64($0) })
                let startedAt = try #require(result.data["startedAt"] as? Int64)
                #expect(startedAt >= due * 1000, "an attempt before its time")
                #expect(startedAt < due * 1000 + 10_000_000, "an attempt long after its time")
            }
        }

        @Test("A permanent failure: failure event and dead letter, with the contract's headers and the same bytes")
        func permanent() async throws {
            try await SharedLab.with { lab in
                let message = CommandMessage(
                    id: "permanent", key: "p", data: #"{ "fail" : "permanent" }"#, headers: ["mine": "kept"])
                let event = try lab.outcome(of: message)
                Self.expectFailure(event, "permanent", "LAB_PERMANENT", attempts: 1, deadLettered: true)
                #expect(event.header("adjutant-attempt") == "1")
                let letter = try lab.deadLetter("the command") { $0.id == message.id }
                Self.expectDeadLetter(letter, "permanent", "LAB_PERMANENT", count: 1)
                #expect(letter.key == "p")
                #expect(letter.value == message.value)
                #expect(letter.header("mine") == "kept")
                #expect(letter.header("ce_type") == "lab.run")
                _ = try lab.audits(of: message.id, ["failed", "deadlettered"])
            }
        }

        @Test("Attempts used up: exhausted, with a dead letter that counts them")
        func exhausted() async throws {
            try await SharedLab.with { lab in
                let event = try lab.outcome(
                    of: CommandMessage(id: "exhausted", key: "e", data: #"{"fail":"transient"}"#))
                Self.expectFailure(event, "exhausted", "LAB_TRANSIENT", attempts: 3, deadLettered: true)
                let letter = try lab.deadLetter("the command") { $0.id == "exhausted" }
                Self.expectDeadLetter(letter, "exhausted", "LAB_TRANSIENT", count: 3)
                #expect(letter.header("adjutant-due") == nil)
                #expect(letter.header("__dlq.errors.topic") == "lab.commands")
                let first = try #require(letter.header("adjutant-first-failed").flatMap { Time.microseconds($0) })
                let last = try #require(letter.header("adjutant-failed").flatMap { Time.microseconds($0) })
                #expect(last - first >= 1_050_000, "the first failure's time outlives retries")
            }
        }

        @Test("A handler past its timeout is tried again, then exhausted")
        func timeout() async throws {
            try await SharedLab.with { lab in
                let event = try lab.outcome(of: CommandMessage(id: "timeout", key: "t", data: #"{"timeoutPct":100}"#))
                Self.expectFailure(event, "exhausted", "TIMEOUT", attempts: 3, deadLettered: true)
            }
        }

        @Test("Rejected: a failure event, one attempt, no dead letter")
        func rejected() async throws {
            try await SharedLab.with { lab in
                let event = try lab.outcome(of: CommandMessage(id: "rejected", key: "j", data: #"{"fail":"rejected"}"#))
                Self.expectFailure(event, "rejected", "LAB_REJECTED", attempts: 1, deadLettered: false)
                #expect(try !lab.journal.catchUp().deadLetters.contains { $0.id == "rejected" })
            }
        }

        @Test(
            "Invalid: all problems at once, each with path, code and message", arguments: CommandMessage.Mode.allCases)
        func invalid(mode: CommandMessage.Mode) async throws {
            try await SharedLab.with { lab in
                let data = #"{"durationMs":{"min":5,"max":1},"failFirst":-1,"padBytes":"x","timeoutPct":101}"#
                let message = CommandMessage(id: "invalid-\(mode)", key: "i", data: data, mode: mode)
                let event = try lab.outcome(of: message)
                Self.expectFailure(event, "invalid", nil, attempts: 1, deadLettered: false)
                let errors = try #require(event.data["errors"] as? [[String: Any]])
                let paths = Set(errors.compactMap { $0["path"] as? String })
                #expect(paths.isSuperset(of: ["durationMs.min", "failFirst", "padBytes", "timeoutPct"]))
                #expect(errors.allSatisfy { ($0["code"] as? String)?.isEmpty == false })
                #expect(errors.allSatisfy { ($0["message"] as? String)?.isEmpty == false })
                #expect(try !lab.journal.catchUp().deadLetters.contains { $0.id == message.id })
            }
        }

        @Test("expirytime has passed: expired, and not run")
        func expired() async throws {
            try await SharedLab.with { lab in
                let message = CommandMessage(
                    id: "expired", key: "x", attributes: ["expirytime": "2020-01-01T00:00:00Z"])
                Self.expectFailure(
                    try lab.outcome(of: message), "expired", nil, attempts: 0, deadLettered: false)
                let audits = try lab.audits(of: "expired", ["expired"])
                #expect(audits.count == 1)
            }
        }

        @Test("notbefore: not a millisecond earlier, in place or by a retry topic", arguments: [300, 1_400])
        func notBefore(milliseconds: Int) async throws {
            try await SharedLab.with { lab in
                // On a slow machine one may come to the worker when its time has come already: then the next.
                for attempt in 1...20 {
                    let start = Int64((Date().timeIntervalSince1970 * 1000).rounded()) + Int64(milliseconds)
                    let message = CommandMessage(
                        id: "notbefore-\(milliseconds)-\(attempt)", key: "n\(milliseconds)",
                        attributes: ["notbefore": Time.text(milliseconds: start)])
                    let event = try lab.outcome(of: message)
                    let startedAt = try #require(event.data["startedAt"] as? Int64)
                    #expect(startedAt >= start * 1000)
                    #expect(event.header("adjutant-attempt") == "1")
                    let audits = try lab.audits(of: message.id, ["succeeded"]).map(\.auditKind)
                    if Set(audits) == ["scheduled", "succeeded"] { return }
                }
                Issue.record("none of twenty was put off")
            }
        }
    }
}

extension IntegrationTests.OutcomeTests {
    static func expectFailure(
        _ event: Event, _ failureClass: String, _ code: String?, attempts: Int, deadLettered: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let data = event.data
        #expect(event.topic == "lab.failures", sourceLocation: sourceLocation)
        #expect(event.type == "lab.run.failed", sourceLocation: sourceLocation)
        #expect(event.header("ce_source") == "adjutant/lab", sourceLocation: sourceLocation)
        #expect(data["class"] as? String == failureClass, sourceLocation: sourceLocation)
        if let code { #expect(data["code"] as? String == code, sourceLocation: sourceLocation) }
        #expect((data["code"] as? String)?.isEmpty == false, sourceLocation: sourceLocation)
        #expect((data["message"] as? String)?.isEmpty == false, sourceLocation: sourceLocation)
        #expect(data["attempts"] as? Int == attempts, sourceLocation: sourceLocation)
        #expect(data["deadLettered"] as? Bool == deadLettered, sourceLocation: sourceLocation)
        #expect(data["errors"] is [Any], sourceLocation: sourceLocation)
    }

    /// The headers of a dead letter, each there once.
    static func expectDeadLetter(
        _ letter: Event, _ failureClass: String, _ code: String?, count: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let names = [
            "__dlq.errors.topic", "__dlq.errors.partition", "__dlq.errors.offset", "__dlq.errors.group",
            "__dlq.errors.delivery.count", "__dlq.errors.message", "adjutant-error-class", "adjutant-error-code",
            "adjutant-first-failed", "adjutant-failed", "adjutant-replays", "adjutant-fingerprint",
        ]
        for name in names {
            #expect(letter.count(ofHeader: name) == 1, "\(name)", sourceLocation: sourceLocation)
            #expect(letter.header(name)?.isEmpty == false, "\(name)", sourceLocation: sourceLocation)
        }
        #expect(letter.header("adjutant-error-class") == failureClass, sourceLocation: sourceLocation)
        if let code { #expect(letter.header("adjutant-error-code") == code, sourceLocation: sourceLocation) }
        #expect(letter.header("__dlq.errors.delivery.count") == "\(count)", sourceLocation: sourceLocation)
        #expect(letter.header("__dlq.errors.group") == "adjutant.lab", sourceLocation: sourceLocation)
        #expect(letter.header("adjutant-replays") == "0", sourceLocation: sourceLocation)
        #expect((letter.header("__dlq.errors.message") ?? "").utf8.count <= 1024, sourceLocation: sourceLocation)
    }
}
