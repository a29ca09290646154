import Commands
import InMemoryTracing
import Processor
import Testing
import Tracing

/// With a tracer: a span for each attempt, child of the sender's, and parent of whoever reads the outcome.
@Suite(.timeLimit(.minutes(10))) struct TracingTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = "00-\(trace)-b7ad6b7169203331-01"
    private let tracer = W3CTracer()

    private func run(
        _ harness: Harness, audits: Int, extra: [(String, String)] = [("traceparent", parent)]
    ) async throws {
        harness.broker.send("c-1", key: "k", extra: extra)
        let running = await harness.start()
        await harness.until("test.audit", has: audits)
        try await running.stop()
    }

    @Test func theOutcomeIsTheSpansChild() async throws {
        let harness = try Harness(instrument: self.tracer)
        try await self.run(harness, audits: 1)
        let span = try #require(self.tracer.memory.finishedSpans.first)
        #expect(self.tracer.memory.finishedSpans.count == 1)
        #expect(self.tracer.memory.activeSpans.isEmpty)
        #expect(span.operationName == "process test.run")
        #expect(span.kind == .consumer)
        #expect(span.traceID == Self.trace)
        #expect(span.parentSpanID == "b7ad6b7169203331")
        #expect(span.attributes.get("messaging.system") == .string("kafka"))
        #expect(span.attributes.get("messaging.operation.type") == .string("process"))
        #expect(span.attributes.get("messaging.destination.name") == .string("test.commands"))
        #expect(span.attributes.get("messaging.message.id") == .string("c-1"))
        #expect(span.errors.isEmpty)
        for topic in ["test.results", "test.audit"] {
            let record = try #require(harness.broker.records(topic).first)
            #expect(record.headerText("traceparent") == "00-\(Self.trace)-\(span.spanID)-01")
            #expect(record.headerNames.count { $0 == "traceparent" } == 1)
        }
    }

    @Test func withoutASendersTraceOneBegins() async throws {
        let harness = try Harness(instrument: self.tracer)
        try await self.run(harness, audits: 1, extra: [])
        let span = try #require(self.tracer.memory.finishedSpans.first)
        #expect(span.parentSpanID == nil)
        let result = try #require(harness.broker.records("test.results").first)
        #expect(result.headerText("traceparent") == "00-\(span.traceID)-\(span.spanID)-01")
    }

    @Test func eachAttemptIsASpanAndAFailureIsOnIt() async throws {
        let harness = try Harness(retry: .fixed(.milliseconds(1), attempts: 2), instrument: self.tracer) { _, _, _ in
            throw CommandError.transient("BUSY")
        }
        try await self.run(harness, audits: 3)
        let spans = self.tracer.memory.finishedSpans
        #expect(spans.map { $0.attributes.get("adjutant.attempt") } == [.int64(1), .int64(2)])
        #expect(spans.allSatisfy { $0.traceID == Self.trace && $0.errors.count == 1 })
        let failure = try #require(harness.broker.records("test.failures").first)
        #expect(failure.headerText("traceparent") == "00-\(Self.trace)-\(spans[1].spanID)-01")
    }

    /// A retry record is the command again: it carries the sender's trace, so that the next attempt is its child too.
    @Test func aRetryBelongsToTheSendersTrace() async throws {
        let clock = ManualClock()
        let harness = try Harness(retry: .fixed(.seconds(5)), clock: clock.clock, instrument: self.tracer) {
            _, _, context in
            if context.attempt == 1 { throw CommandError.transient("BUSY") }
        }
        harness.broker.send("c-1", extra: [("traceparent", Self.parent), ("tracestate", "a=b"), ("baggage", "c=d")])
        let running = await harness.start()
        await harness.until("test.retry.5s", has: 1)
        clock.advance(milliseconds: 5000)
        await harness.until("test.results", has: 1)
        try await running.stop()
        let retry = try #require(harness.broker.records("test.retry.5s").first)
        #expect(retry.headerText("traceparent") == Self.parent)
        #expect(retry.headerText("tracestate") == "a=b")
        #expect(retry.headerText("baggage") == "c=d")
        #expect(self.tracer.memory.finishedSpans.map(\.parentSpanID) == ["b7ad6b7169203331", "b7ad6b7169203331"])
    }

    /// What the handler's own code sees, and hands on.
    @Test func theHandlerRunsInsideItsSpan() async throws {
        let seen = Watched<String?>(nil)
        let tracer = self.tracer
        let harness = try Harness(instrument: tracer) { _, _, _ in
            var carrier: [String: String] = [:]
            tracer.inject(ServiceContext.current ?? .topLevel, into: &carrier, using: Pairs())
            seen.update { [carrier] in $0 = carrier["traceparent"] }
        }
        try await self.run(harness, audits: 1)
        let span = try #require(tracer.memory.finishedSpans.first)
        #expect(seen.value == "00-\(Self.trace)-\(span.spanID)-01")
    }

    private struct Pairs: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }
}
