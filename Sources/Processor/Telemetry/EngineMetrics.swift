import Commands
import HeapModule
import Metrics
import Synchronization

/// The engine's metrics, by swift-metrics, under the names of OpenTelemetry's messaging conventions where they exist.
///
/// Labels are bounded: command types come from the registry, everything else counts as `other`. One name always carries
/// the same labels.
final class EngineMetrics: Sendable {
    /// The instruments of one command type in one domain.
    private struct Instruments {
        var duration: Metrics.Timer
        var delay: Metrics.Timer
        var handled: [String: Counter]
        /// For types that have limits.
        var held: [TypeGate.Limit: Counter]
    }

    /// Without a metrics system nothing is counted twice for nobody.
    let isEnabled: Bool
    private let consumed: [Domain: Counter]
    private let retries: [Domain: [String: Counter]]
    private let deadLetters: [Domain: Counter]
    private let fences: [Domain: Counter]
    private let instruments: [Domain: [CommandType: Instruments]]
    private let others: [Domain: Instruments]
    private let gauges: [String: Gauge]

    private static let outcomes = ["succeeded"] + FailureClass.allCases.map(\.rawValue)

    init(domains: [ProcessedDomain], group: String, factory: any MetricsFactory) {
        self.isEnabled = !(factory is NOOPMetricsHandler)
        let base = [("messaging.system", "kafka"), ("messaging.consumer.group.name", group)]
        func labels(_ domain: Domain) -> [(String, String)] {
            base + [("messaging.destination.name", domain.commandsTopic)]
        }
        func instruments(_ domain: Domain, _ type: String, isLimited: Bool = false) -> Instruments {
            let all = labels(domain) + [("adjutant.command.type", type)]
            return Instruments(
                duration: Timer(label: "messaging.process.duration", dimensions: all, factory: factory),
                delay: Timer(label: "adjutant.command.outcome.delay", dimensions: all, factory: factory),
                handled: Dictionary(
                    uniqueKeysWithValues: Self.outcomes.map { outcome in
                        (
                            outcome,
                            Counter(
                                label: "adjutant.commands.handled", dimensions: all + [("adjutant.outcome", outcome)],
                                factory: factory)
                        )
                    }),
                held: Dictionary(
                    uniqueKeysWithValues: (isLimited ? TypeGate.Limit.allCases : []).map { limit in
                        (
                            limit,
                            Counter(
                                label: "adjutant.commands.held", dimensions: all + [("adjutant.limit", limit.rawValue)],
                                factory: factory)
                        )
                    }))
        }
        self.consumed = Dictionary(
            uniqueKeysWithValues: domains.map {
                (
                    $0.names,
                    Counter(label: "messaging.client.consumed.messages", dimensions: labels($0.names), factory: factory)
                )
            })
        self.deadLetters = Dictionary(
            uniqueKeysWithValues: domains.map {
                ($0.names, Counter(label: "adjutant.dead_letters", dimensions: labels($0.names), factory: factory))
            })
        self.fences = Dictionary(
            uniqueKeysWithValues: domains.map {
                ($0.names, Counter(label: "adjutant.commands.fenced", dimensions: labels($0.names), factory: factory))
            })
        self.retries = Dictionary(
            uniqueKeysWithValues: domains.map { domain in
                let tiers = ["in_place"] + domain.tiers.map(\.name)
                return (
                    domain.names,
                    Dictionary(
                        uniqueKeysWithValues: tiers.map { tier in
                            (
                                tier,
                                Counter(
                                    label: "adjutant.retries",
                                    dimensions: labels(domain.names) + [("adjutant.retry.tier", tier)],
                                    factory: factory)
                            )
                        })
                )
            })
        self.instruments = Dictionary(
            uniqueKeysWithValues: domains.map { domain in
                (
                    domain.names,
                    Dictionary(
                        uniqueKeysWithValues: domain.registry.entries.map {
                            (
                                $0.type,
                                instruments(
                                    domain.names, $0.type.rawValue, isLimited: !$0.policy.limits.isNone)
                            )
                        })
                )
            })
        self.others = Dictionary(
            uniqueKeysWithValues: domains.map { ($0.names, instruments($0.names, "other")) })
        self.gauges = Dictionary(
            uniqueKeysWithValues: EngineGauges.names.map { ($0, Gauge(label: $0, dimensions: base, factory: factory)) })
    }

    func consumed(_ domain: Domain, _ count: Int) {
        if self.isEnabled { self.consumed[domain]?.increment(by: count) }
    }

    func fenced(_ domain: Domain) {
        if self.isEnabled { self.fences[domain]?.increment() }
    }

    /// A command waits at a limit of its type.
    func held(_ type: CommandType, in domain: Domain, by limit: TypeGate.Limit) {
        if self.isEnabled { self.instruments[domain]?[type]?.held[limit]?.increment() }
    }

    /// An attempt ended, or a command without one.
    func completed(_ work: Work, _ disposition: Disposition) {
        guard self.isEnabled, !disposition.isPostponement else { return }
        let domain = work.slot.domain.names
        let type = work.envelope.map { CommandType($0.type) }
        guard let instruments = type.flatMap({ self.instruments[domain]?[$0] }) ?? self.others[domain] else { return }
        if work.startedAt > 0 { instruments.duration.recordMicroseconds(work.finishedAt - work.startedAt) }
        switch disposition {
        case .succeeded: self.ended(work, "succeeded", instruments)
        case .failed(let failure):
            self.ended(work, failure.failureClass.rawValue, instruments)
            if failure.failureClass.isDeadLettered { self.deadLetters[domain]?.increment() }
        case .retryInPlace, .heldBack: self.retries[domain]?["in_place"]?.increment()
        case .retryTopic(_, let tier, _): self.retries[domain]?[tier.name]?.increment()
        case .scheduledInPlace, .postponedInPlace, .postponedTopic, .repeated, .doubled: break
        }
    }

    private func ended(_ work: Work, _ outcome: String, _ instruments: Instruments) {
        instruments.handled[outcome]?.increment()
        if let sent = work.envelope?.microseconds(.time) {
            instruments.delay.recordMicroseconds(max(0, work.finishedAt - sent))
        }
    }

    func record(_ values: EngineGauges) {
        guard self.isEnabled else { return }
        for (name, value) in values.all { self.gauges[name]?.record(value) }
    }
}

/// The engine's state at one moment, summed over its partitions.
package struct EngineGauges: Sendable, Equatable {
    /// Handlers running.
    package var running = 0
    /// Commands taken and not finished.
    package var inFlight = 0
    package var inFlightBytes = 0
    /// Commands that wait for a due time or at a gate.
    package var waiting = 0
    /// Offsets taken and not finished, over all partitions.
    package var incompleteOffsets = 0
    /// The largest commit metadata of a partition, bytes.
    package var metadataBytes = 0
    package var pausedPartitions = 0
    package var assignedPartitions = 0
    /// Records behind the end of their partitions, as far as the ends are known.
    package var lag: Int64 = 0
    /// Types whose outage mode is on.
    package var outages = 0
    /// Threads that a handler blocks.
    package var blockedThreads = 0

    static let names = [
        "adjutant.commands.running", "adjutant.commands.in_flight", "adjutant.commands.waiting",
        "adjutant.offsets.incomplete", "adjutant.offsets.metadata_bytes", "adjutant.partitions.paused",
        "adjutant.partitions.assigned", "adjutant.lag", "adjutant.outages", "adjutant.threads.blocked",
    ]

    var all: [(String, Int64)] {
        let values: [Int64] = [
            Int64(self.running), Int64(self.inFlight), Int64(self.waiting), Int64(self.incompleteOffsets),
            Int64(self.metadataBytes), Int64(self.pausedPartitions), Int64(self.assignedPartitions), self.lag,
            Int64(self.outages), Int64(self.blockedThreads),
        ]
        return Array(zip(Self.names, values))
    }
}

extension Dispatcher {
    /// The gauges but for the lag, which the source knows.
    func gauges() -> EngineGauges {
        var gauges = EngineGauges()
        gauges.running = self.running
        gauges.inFlight = self.inFlight
        gauges.inFlightBytes = self.inFlightBytes
        gauges.waiting = self.waiting.count + self.gates.reduce(0) { $0 + $1.waitingCount }
        gauges.outages = self.gates.count { $0.isOpen }
        for slot in self.slots.values {
            gauges.assignedPartitions += 1
            gauges.incompleteOffsets += slot.progress.unfinished
            gauges.pausedPartitions += slot.isPaused ? 1 : 0
            gauges.metadataBytes = max(gauges.metadataBytes, slot.metadataBytes)
        }
        return gauges
    }
}

extension Engine {
    /// What the engine holds at this moment; the lag is not asked for.
    package func gauges() -> EngineGauges {
        var gauges = self.dispatcher.withLock { $0.gauges() }
        gauges.blockedThreads = self.executor.blockedThreads
        return gauges
    }
}
