import Commands
import Instrumentation
import Logging
import Metrics
@testable import Processor
import Synchronization
import Testing

/// The command of these tests; what it does is the test's script.
struct TestRun: Command {
    static let type: CommandType = "test.run"

    struct Output: Codable, Sendable {
        var text = "done"
    }

    var amount: Int?
    var note: String?

    func validate(_ problems: inout Problems) {
        problems.require((self.amount ?? 0) >= 0, at: "amount", "must not be negative", code: "range")
        problems.require(self.note != "", at: "note", "must not be empty")
    }
}

/// What handlers did, in the order in which they did it.
struct Journal: Sendable {
    struct Start: Sendable, Hashable {
        var id: String
        var key: String?
        var attempt: Int
    }

    var starts: [Start] = []
    var ends: [String] = []
    var running: [String: Int] = [:]
    var active = 0
    var mostAtOnce = 0
    var overlaps: [String] = []

    var ids: [String] { self.starts.map(\.id) }
    func attempts(_ id: String) -> [Int] { self.starts.filter { $0.id == id }.map(\.attempt) }
    func hasStarted(_ id: String, attempt: Int = 1) -> Bool {
        self.starts.contains { $0.id == id && $0.attempt == attempt }
    }
}

/// One engine with everything round it in memory.
final class Harness: Sendable {
    typealias Script = @Sendable (TestRun, CommandContext) async throws -> TestRun.Output

    let broker: MemoryBroker
    let journal = Watched(Journal())
    let gate = Gate()
    let domain: ProcessedDomain
    let settings: EngineSettings
    let clock: EngineClock
    let metrics: any MetricsFactory
    let instrument: any Instrument
    let logger: Logger
    /// Outlives the engines, as a database does.
    let ledger: MemoryLedger?

    init(
        broker: MemoryBroker = MemoryBroker(), tiers: [String] = ["5s", "1m"],
        retry: RetryPolicy = .fixed(.seconds(5), .seconds(60)), timeout: Duration? = nil,
        ordering: Ordering = .key, strictOrder: Bool = false, limits: CommandLimits = .none,
        clock: EngineClock? = nil, settings: EngineSettings = .testing(),
        metrics: any MetricsFactory = NOOPMetricsHandler.instance, instrument: any Instrument = NoOpInstrument(),
        ledger: MemoryLedger? = nil, logger: Logger = .mute,
        script: @escaping @Sendable (Gate, TestRun, CommandContext) async throws -> Void = { _, _, _ in }
    ) throws {
        self.broker = broker
        self.clock = clock ?? .system
        let (journal, gate) = (self.journal, self.gate)
        // Where time is the machine's, a slow one must not run into a timeout that the test does not speak of.
        let timeout = timeout ?? .seconds(clock == nil ? 3600 : 30)
        var handlers = Handlers()
        handlers.on(
            TestRun.self, retry: retry, timeout: timeout, ordering: ordering, strictOrder: strictOrder, limits: limits
        ) { command, context in
            let lane = context.key ?? context.commandID
            journal.update { journal in
                journal.starts.append(
                    Journal.Start(id: context.commandID, key: context.key, attempt: context.attempt))
                journal.running[lane, default: 0] += 1
                if journal.running[lane]! > 1 { journal.overlaps.append(lane) }
                journal.active += 1
                journal.mostAtOnce = max(journal.mostAtOnce, journal.active)
            }
            defer {
                journal.update { journal in
                    journal.running[lane]! -= 1
                    journal.active -= 1
                    journal.ends.append(context.commandID)
                }
            }
            try await script(gate, command, context)
            return TestRun.Output()
        }
        self.domain = ProcessedDomain(
            names: "test", registry: try handlers.registry(), tiers: tiers.map { RetryTier(name: $0)! })
        self.settings = settings
        self.metrics = metrics
        self.instrument = instrument
        self.ledger = ledger
        self.logger = logger
    }

    var inputs: [TopicPartition] {
        self.domain.inputTopics.flatMap { topic in (0..<self.broker.partitions).map { TopicPartition(topic, $0) } }
    }

    /// Starts an engine and gives it all partitions, or those given.
    func start(_ partitions: [TopicPartition]? = nil) async -> RunningEngine {
        let running = RunningEngine(self)
        let mine = partitions ?? self.inputs
        running.source.post(.assigned(mine))
        await running.source.log.until { $0.begun.count >= mine.count }
        return running
    }

    /// Waits until a topic holds so many records.
    func until(_ topic: String, has count: Int, sourceLocation: SourceLocation = #_sourceLocation) async {
        await self.broker.state.until({ $0.count(topic) >= count }, sourceLocation: sourceLocation)
    }

    /// Waits until the intake has gone round some times, so that what is due has been looked at.
    func turns(_ running: RunningEngine) async {
        let polls = running.source.log.read { $0.polls }
        await running.source.log.until { $0.polls > polls + 3 }
    }

    /// Moves time on, a step at a turn, until the condition holds: for what may begin to wait only meanwhile.
    func advance(
        _ clock: ManualClock, by milliseconds: Int64 = 1, _ running: RunningEngine, until isMet: () -> Bool
    ) async {
        while !isMet(), !Task.isCancelled {
            clock.advance(milliseconds: milliseconds)
            await self.turns(running)
        }
    }

    /// Waits until the dispatcher meets the condition.
    func until(_ running: RunningEngine, _ isMet: @Sendable (borrowing Dispatcher) -> Bool) async {
        while !running.engine.dispatcher.withLock({ isMet($0) }), !Task.isCancelled { await Task.yield() }
    }

    func untilDraining(_ running: RunningEngine) async { await self.until(running) { $0.phase != .running } }

    func untilRevoking(_ running: RunningEngine) async {
        await self.until(running) { $0.slots.values.contains { $0.state == .revoking } }
    }

    /// Waits until some attempt waits for the earlier outcomes of its lane.
    func untilLaneWaits(_ running: RunningEngine) async {
        await self.until(running) { $0.lanes.values.contains { $0.settleWaiter != nil } }
    }

    func untilCommitted(_ offset: Int64, _ topic: String = "test.commands", _ partition: Int32 = 0) async {
        await self.broker.state.until { $0.committed[TopicPartition(topic, partition)]?.offset == offset }
    }
}

extension EngineSettings {
    /// Commits at every turn of the intake, so that tests need not wait for it, and has patience with a slow machine.
    static func testing(_ change: (inout EngineSettings) -> Void = { _ in }) -> EngineSettings {
        var settings = EngineSettings()
        settings.commitInterval = .zero
        settings.grace = .seconds(3600)
        settings.revokeGrace = .seconds(3600)
        settings.blockedAfter = .seconds(3600)
        settings.worker = "worker-1"
        settings.concurrency = 64
        change(&settings)
        return settings
    }
}

/// An engine at work.
final class RunningEngine: Sendable {
    let engine: Engine
    let source: MemorySource
    let sink: MemorySink
    private let run: Task<Void, any Error>

    init(_ harness: Harness) {
        let source = MemorySource(broker: harness.broker)
        let engine = Engine(
            domains: [harness.domain], source: source,
            ledger: harness.ledger.map { MemoryLedger($0.state, answersLooks: $0.answersLooks) },
            settings: harness.settings,
            group: "adjutant.test",
            clock: harness.clock, metrics: harness.metrics, instrument: harness.instrument, logger: harness.logger)
        let sink = MemorySink(broker: harness.broker, receiver: engine)
        engine.connect(sink)
        self.engine = engine
        self.source = source
        self.sink = sink
        self.run = Task { try await engine.run {} }
    }

    /// A clean stop.
    func stop() async throws {
        self.engine.stop()
        try await self.run.value
    }

    func ended() async throws { try await self.run.value }

    /// From here on nothing of this engine reaches the broker. Call ``stop()`` later, so that its threads end.
    func cut() {
        self.source.cut()
        self.sink.cut()
    }
}

/// Where handlers wait until the test lets them go on.
final class Gate: Sendable {
    private let open = Watched<Set<String>>([])

    func open(_ names: String...) { self.open.update { $0.formUnion(names) } }

    /// Deaf to cancellation.
    func pass(_ name: String) async { await self.open.untilDeaf { $0.contains(name) } }

    func passOrCancel(_ name: String) async throws {
        let open = self.open
        await withTaskCancellationHandler {
            await open.untilDeaf { $0.contains(name) || $0.contains("\(name) is cancelled") }
        } onCancel: {
            open.update { _ = $0.insert("\(name) is cancelled") }
        }
        try Task.checkCancellation()
    }
}
