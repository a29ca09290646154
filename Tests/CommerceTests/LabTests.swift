import Commands
import JSONCoding
import Lab
import Synchronization
import Testing

@Suite("The load lab")
struct LabTests {
    /// Numbers in 0..<1 given out one after the other.
    private final class Draws: Sendable {
        private let rest: Mutex<[Double]>

        init(_ numbers: [Double]) { self.rest = Mutex(numbers.reversed()) }

        func next() -> Double { self.rest.withLock { $0.popLast() ?? 0.999 } }

        var left: Int { self.rest.withLock(\.count) }
    }

    private func registry(_ draws: Draws = Draws([])) throws -> Registry {
        try Registry(LabService(handler: LabHandler { draws.next() }))
    }

    @Test("Success returns the echo, the attempt, the worker and the times")
    func success() async throws {
        let echo = #"{"a":[1,2.50,"x",null,true],"big":12345678901234567890.123}"#
        let output = try await self.registry().run("lab.run", attempt: 2, #"{"echo":\#(echo)}"#)
        #expect(
            output.objectValue?.keys.sorted() == ["attempt", "echo", "finishedAt", "startedAt", "worker"])
        #expect(output["echo"] == echo.json)
        #expect(output["attempt"] == 2)
        #expect(output["worker"] == "worker-1")
        let started = try #require(output["startedAt"]?.numberValue?.int64)
        let finished = try #require(output["finishedAt"]?.numberValue?.int64)
        #expect(started > 1_700_000_000_000_000)
        #expect(finished >= started)
    }

    @Test("No data at all is a run that succeeds at once, with a null echo")
    func empty() async throws {
        let output = try await self.registry().run("lab.run", "{}")
        #expect(output["echo"] == .null)
        let padded = try await self.registry().run("lab.run", #"{"pad_bytes":1000}"#)
        #expect(padded["pad"]?.stringValue?.utf8.count == 1000)
    }

    @Test(
        "Failing on demand",
        arguments: [
            (#"{"fail":"transient"}"#, 9, "transient LAB_TRANSIENT"),
            (#"{"fail":"permanent"}"#, 1, "permanent LAB_PERMANENT"),
            (#"{"fail":"rejected"}"#, 1, "rejected LAB_REJECTED"),
            (#"{"fail":"transient","failFirst":2}"#, 2, "transient LAB_TRANSIENT"),
            (#"{"fail":"transient","failFirst":2}"#, 3, nil), (#"{"failFirst":2}"#, 2, "transient LAB_TRANSIENT"),
            (#"{"failFirst":2}"#, 3, nil), (#"{"fail":"permanent","failFirst":0}"#, 1, nil),
            (#"{"fail_first":1}"#, 1, "transient LAB_TRANSIENT"),
        ] as [(String, Int, String?)])
    func onDemand(json: String, attempt: Int, expected: String?) async throws {
        #expect(try await self.registry().failure("lab.run", attempt: attempt, json) == expected)
    }

    @Test("Chances are drawn in the order permanent, transient, rejected, timeout")
    func chances() async throws {
        let json = #"{"failPermanentPct":10,"failTransientPct":20,"failRejectedPct":30,"timeoutPct":40}"#
        let cases: [([Double], String?)] = [
            ([0.09], "permanent LAB_PERMANENT"), ([0.1, 0.19], "transient LAB_TRANSIENT"),
            ([0.1, 0.2, 0.29], "rejected LAB_REJECTED"), ([0.1, 0.2, 0.3, 0.4], nil),
        ]
        for (numbers, expected) in cases {
            let draws = Draws(numbers)
            #expect(try await self.registry(draws).failure("lab.run", json) == expected)
            #expect(draws.left == 0)
        }
        let untouched = Draws([0])
        #expect(try await self.registry(untouched).failure("lab.run", #"{"failPermanentPct":0}"#) == nil)
        #expect(untouched.left == 1)
        #expect(
            try await self.registry(Draws([0.9999])).failure("lab.run", #"{"failRejectedPct":100}"#)
                == "rejected LAB_REJECTED")
    }

    @Test("A drawn timeout outlasts the deadline and ends with cancellation")
    func timeout() async throws {
        let registry = try self.registry(Draws([0]))
        let task = Task { try await registry.run("lab.run", #"{"timeoutPct":100}"#) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(
            try await self.registry(Draws([0])).failure(
                "lab.run", timeout: .milliseconds(-1000), #"{"timeoutPct":100}"#) == "transient LAB_TIMEOUT")
    }

    @Test("A wait is as long as asked, drawn between its bounds, and ends with cancellation")
    func wait() async throws {
        let started = ContinuousClock.now
        try await self.registry(Draws([0.5])).run("lab.run", #"{"durationMs":{"min":10,"max":30}}"#)
        try await self.registry().run("lab.run", #"{"durationMs":5.5}"#)
        #expect(ContinuousClock.now - started >= .milliseconds(25))
        let registry = try self.registry()
        let task = Task { try await registry.run("lab.run", #"{"durationMs":3600000}"#) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(
        "Data out of bounds",
        arguments: [
            (#"{"durationMs":-1}"#, ["durationMs range"]), (#"{"durationMs":"5"}"#, ["durationMs type"]),
            (#"{"durationMs":{"min":3,"max":2}}"#, ["durationMs.min range"]),
            (#"{"durationMs":{"min":-3}}"#, ["durationMs.max required", "durationMs.min range"]),
            (#"{"durationMs":{"min":"a","max":1}}"#, ["durationMs.min type"]),
            (#"{"durationMs":1e300}"#, ["durationMs range"]), (#"{"fail":"maybe"}"#, ["fail format"]),
            (#"{"failFirst":-1}"#, ["failFirst range"]), (#"{"failFirst":1.5}"#, ["failFirst type"]),
            (#"{"padBytes":1000001}"#, ["padBytes range"]), (#"{"padBytes":-1}"#, ["padBytes range"]),
            (
                #"{"failPermanentPct":101,"failTransientPct":-1,"failRejectedPct":1e9,"timeoutPct":"x"}"#,
                ["failPermanentPct range", "failRejectedPct range", "failTransientPct range", "timeoutPct type"]
            ), (#"[]"#, [" type"]),
        ])
    func bounds(json: String, problems: [String]) async throws {
        #expect(try await self.registry().problems("lab.run", json) == problems)
    }
}
