import Commands
import Instrumentation
import Logging
import ServiceContextModule
import Synchronization
import Tracing

extension Engine {
    /// Once a second on the intake thread: gauges; once a minute, when something happened, a line in the log.
    func report(now: Int64, _ state: inout IntakeState) {
        guard now - state.lastReport >= 1_000_000 else { return }
        state.lastReport = now
        if self.metrics.isEnabled {
            var gauges = self.gauges()
            let positions = self.dispatcher.withLock {
                $0.slots.values.map { ($0.partition, $0.progress.base, $0.isPaused) }
            }
            for (partition, base, isPaused) in positions {
                if let end = self.source.end(of: partition, isPaused: isPaused) { gauges.lag += max(0, end - base) }
            }
            self.metrics.record(gauges)
        }
        guard now - state.lastSummary >= 60_000_000 else { return }
        state.lastSummary = now
        let counts = self.counters.snapshot
        guard counts != state.lastCounts else { return }
        state.lastCounts = counts
        let gauges = self.gauges()
        self.logger.info(
            "so far",
            metadata: [
                "consumed": "\(counts.consumed)", "succeeded": "\(counts.succeeded)", "failed": "\(counts.failed)",
                "retried": "\(counts.retried)", "dead.lettered": "\(counts.deadLettered)",
                "in.flight": "\(gauges.inFlight)", "waiting": "\(gauges.waiting)", "running": "\(gauges.running)",
                "partitions.paused": "\(gauges.pausedPartitions)", "outages": "\(gauges.outages)",
                "threads.blocked": "\(gauges.blockedThreads)",
            ])
    }

    /// Runs the handler inside a span when the program has a tracer; outcome events then carry that span.
    func traced(
        _ work: Work, _ envelope: Envelope, _ body: () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        guard self.isTracing else { return try await body() }
        var context = ServiceContext.topLevel
        self.instrument.extract(envelope, into: &context, using: EnvelopeExtractor())
        let tracer = self.instrument as? any Tracer ?? InstrumentationSystem.tracer
        return try await tracer.withAnySpan("process \(envelope.type)", context: context, ofKind: .consumer) { span in
            span.attributes["messaging.system"] = "kafka"
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.destination.name"] = work.record.topic
            span.attributes["messaging.message.id"] = envelope.id
            span.attributes["adjutant.attempt"] = work.attempt
            var carrier: [String: String] = [:]
            self.instrument.inject(span.context, into: &carrier, using: DictionaryInjector())
            work.traceHeaders = carrier
            return try await body()
        }
    }
}

private struct EnvelopeExtractor: Extractor {
    func extract(key: String, from carrier: Envelope) -> String? {
        carrier.view.header(named: key).flatMap { carrier.view.text($0) }
    }
}

private struct DictionaryInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}
