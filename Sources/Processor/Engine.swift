import Commands
import Foundation
import Instrumentation
import Logging
import Metrics
import Synchronization
import Tracing

/// Runs commands: takes records from a source, runs their handlers in the order of their keys, sends the outcomes to a
/// sink, and commits what is done.
///
/// Threads: the **intake** polls the source and looks after time (due retries, timeouts, commits); the **lane** threads
/// run handlers; the **sink's** own thread brings delivery reports. Under load on few cores a lane thread does the
/// polling, too, and takes its own reports: see ``SharedIntake``. They meet in one `Dispatcher` under one lock, held
/// for a few operations at a time and never while anything else is called.
///
/// The way of a record: `Engine+Intake` → `Dispatcher` (its lane's turn) → `Engine+Execution` → `Engine+Completion` →
/// `Engine+Delivery` (acknowledged, offset done) → commit in `Engine+Intake`.
package final class Engine: Sendable {
    let settings: EngineSettings
    let clock: EngineClock
    let logger: Logger
    let group: String
    let domains: [ProcessedDomain]
    let reader: EnvelopeReader
    let source: any CommandSource
    /// What remembers finished commands; nil without a database.
    let ledger: (any CommandLedger)?
    let executor: LaneExecutor
    let dispatcher: Mutex<Dispatcher>
    let workers = Mutex<[Worker]>([])
    let control = Mutex(Control())
    /// Held by whoever takes the intake's turn.
    let intake = Mutex(IntakeState())
    /// Lane threads take the intake's turns: see ``SharedIntake``.
    let isIntakeShared = Atomic<Bool>(false)
    let turnsOfLanes = Atomic<Int>(0)
    /// A lane thread takes the intake's turn now.
    let isLaneAtIntake = Atomic<Bool>(false)
    /// What the intake thread rests on while lane threads poll.
    let calm = RoomSignal()
    let room = RoomSignal()
    package let counters = EngineCounters()
    let metrics: EngineMetrics
    let instrument: any Instrument
    let isTracing: Bool
    let writer: EventWriter
    let surroundings: [Domain: ContextSurroundings]
    private let sinkBox = SinkBox()

    /// What the outside asks of the engine, and how it ended.
    struct Control {
        var stopRequested = false
        var failure: SourceFailure?
        var ended: UnsafeContinuation<Void, Never>?
        var hasEnded = false
    }

    package init(
        domains: [ProcessedDomain], source: any CommandSource, ledger: (any CommandLedger)? = nil,
        settings: EngineSettings, group: String,
        limits: EnvelopeLimits = EnvelopeLimits(), clock: EngineClock = .system,
        metrics: any MetricsFactory = MetricsSystem.factory,
        instrument: any Instrument = InstrumentationSystem.instrument, logger: Logger
    ) {
        self.domains = domains
        self.source = source
        self.ledger = ledger
        self.settings = settings
        self.executor = LaneExecutor(cores: settings.cores)
        self.group = group
        self.reader = EnvelopeReader(limits: limits)
        self.clock = clock
        self.logger = logger
        self.metrics = EngineMetrics(domains: domains, group: group, factory: metrics)
        self.instrument = instrument
        self.isTracing = !(instrument is NoOpInstrument)
        self.writer = EventWriter(worker: settings.worker, group: group)
        self.surroundings = Dictionary(
            uniqueKeysWithValues: domains.map {
                ($0.names, ContextSurroundings(domain: $0.names, worker: settings.worker, logger: logger))
            })
        var dispatcher = Dispatcher(settings: settings)
        dispatcher.gates = domains.flatMap(\.gates.values)
        self.dispatcher = Mutex(dispatcher)
    }

    /// The sink is made after the engine, which takes its delivery reports; it is set once, before ``run(ready:)``.
    package func connect(_ sink: any EventSink) { self.sinkBox.sink = sink }

    var sink: any EventSink { self.sinkBox.sink! }

    /// Runs until ``stop()`` or a fatal failure of the source, which is thrown.
    ///
    /// - Parameter ready: Called once, when the first partitions are assigned.
    package func run(ready: @escaping @Sendable () -> Void) async throws {
        // Weak: a blocked handler may keep its thread longer than the engine lives.
        self.executor.start(
            threads: self.settings.threads, spares: self.settings.spareThreads,
            refill: { [weak self] in self?.refill() ?? .nothing },
            finish: { [weak self] in self?.endBatch(of: $0) })
        NamedThread.start("adj-intake") { self.runIntake(ready: ready) }
        await withUnsafeContinuation { continuation in
            let hasEnded = self.control.withLock { control in
                if !control.hasEnded { control.ended = continuation }
                return control.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
        if let failure = self.control.withLock({ $0.failure }) { throw failure }
    }

    /// Asks the engine to take no more work, finish what runs, commit and end. From any thread.
    package func stop() {
        self.control.withLock { $0.stopRequested = true }
        self.source.wake()
        self.room.signal()
        self.calm.signal()
    }

    func fail(_ failure: SourceFailure) {
        self.control.withLock { control in
            if control.failure == nil { control.failure = failure }
            control.stopRequested = true
        }
    }

    func ended() {
        let continuation = self.control.withLock { control in
            control.hasEnded = true
            defer { control.ended = nil }
            return control.ended
        }
        continuation?.resume()
    }
}

/// Set once before any thread starts, then only read: hence `@unchecked`.
private final class SinkBox: @unchecked Sendable {
    var sink: (any EventSink)?
}

/// What the intake waits on when there is no room for more commands.
///
/// `@unchecked Sendable`: the flag is guarded by the condition's lock.
final class RoomSignal: @unchecked Sendable {
    private let condition = NSCondition()
    private var isSignalled = false

    func signal() {
        self.condition.lock()
        self.isSignalled = true
        self.condition.unlock()
        self.condition.signal()
    }

    func wait(milliseconds: Int) {
        self.condition.lock()
        defer { self.condition.unlock() }
        let limit = Date(timeIntervalSinceNow: Double(milliseconds) / 1000)
        while !self.isSignalled, self.condition.wait(until: limit) {}
        self.isSignalled = false
    }
}
