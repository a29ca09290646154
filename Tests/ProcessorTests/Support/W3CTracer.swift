import InMemoryTracing
import Instrumentation
import Synchronization
import Tracing

/// A tracer that keeps its spans, and speaks W3C trace context with its neighbours.
struct W3CTracer: Tracer {
    let memory: InMemoryTracer

    init() {
        let ids = Counter()
        self.memory = InMemoryTracer(
            idGenerator: .init(
                nextTraceID: { "cafe" + ids.hexadecimal(digits: 28) }, nextSpanID: { ids.hexadecimal(digits: 16) }))
    }

    private final class Counter: Sendable {
        private let last = Atomic<Int>(0)

        func hexadecimal(digits: Int) -> String {
            let text = String(self.last.add(1, ordering: .relaxed).newValue, radix: 16)
            return String(repeating: "0", count: digits - text.count) + text
        }
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        self.memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        var own: [String: String] = [:]
        self.memory.inject(context, into: &own, using: Pairs())
        guard let trace = own[InMemoryTracer.traceIDKey], let span = own[InMemoryTracer.spanIDKey] else { return }
        injector.inject("00-\(trace)-\(span)-01", forKey: "traceparent", into: &carrier)
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-").map(String.init) ?? []
        guard parts.count == 4 else { return }
        let own = [InMemoryTracer.traceIDKey: parts[1], InMemoryTracer.spanIDKey: parts[2]]
        self.memory.extract(own, into: &context, using: Pairs())
    }

    private struct Pairs: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }
}
