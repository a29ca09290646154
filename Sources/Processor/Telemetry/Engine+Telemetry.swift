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
            gauges.lag = self.lag(now: now)
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

    /// Paused partitions whose ends are asked of the broker at a time.
    private static let endsAtOnce = 2

    /// Records behind the commits.
    ///
    /// The end of a paused partition is asked of the broker, for which the intake thread waits: of a few at a time, in
    /// turn, and of none during a stop. For the others the last answer counts.
    private func lag(now: Int64) -> Int64 {
        let isStopping = self.control.withLock { $0.stopRequested }
        let (slots, asked) = self.dispatcher.withLock { dispatcher in
            let slots = dispatcher.slots.values.map {
                (slot: $0, base: $0.progress.base, isPaused: $0.isPaused, end: $0.end)
            }
            let paused = dispatcher.slots.values.filter(\.isPaused).sorted { $0.endAskedAt < $1.endAskedAt }
            return (slots, isStopping ? [] : Array(paused.prefix(Self.endsAtOnce)))
        }
        var lag: Int64 = 0
        var ends: [(slot: PartitionSlot, end: Int64?)] = []
        for (slot, base, isPaused, last) in slots {
            var end = last
            if !isPaused || asked.contains(where: { $0 === slot }) {
                end = self.source.end(of: slot.partition, isPaused: isPaused) ?? last
                ends.append((slot, end))
            }
            if let end { lag += max(0, end - base) }
        }
        self.dispatcher.withLock { _ in
            for (slot, end) in ends { slot.end = end }
            for slot in asked { slot.endAskedAt = now }
        }
        return lag
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
