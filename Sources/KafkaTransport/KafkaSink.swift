import Commands
import Foundation
import KafkaClient
import Logging
import Processor
import Synchronization

/// The engine's sink: an idempotent producer, with a thread of its own for delivery reports.
///
/// A record that fails is queued again with the same bytes, and so the same event id, unless the broker will never take
/// it. After a fatal error of the producer a new one takes over, and what the old one held goes through it. What finds no
/// room there, or finds that one failed too, is kept and goes before everything else.
///
/// A topic that brokers do not know may be back in a moment, as when they restart: for a while its records wait, and no
/// others do.
package final class KafkaSink: EventSink {
    private let configuration: KafkaConfiguration
    private let topics: [(name: String, partitions: Int32)]
    /// How long a topic that brokers do not know is waited for.
    let topicPatience: Duration
    let receiver: any DeliveryReceiver
    let logger: Logger
    let truncatable: Set<String>
    let state: Mutex<State>
    private let threadEnded = DispatchSemaphore(value: 0)
    /// Held by whoever takes reports.
    let reports = Mutex(Reports())
    private let isLeftToCallers = Atomic<Bool>(false)
    /// How often they have come.
    private let callerTurns = Atomic<Int>(0)
    private let back = DispatchSemaphore(value: 0)

    struct State {
        var current: KafkaProducer
        /// The current producer's; each has one more than the one before it.
        var number = 0
        /// Producers that failed, oldest first: served until all have reported everything.
        var retired: [KafkaProducer] = []
        /// What was accepted before has to go first: a failed producer has not handed over everything yet, or something
        /// is kept.
        var isBarred = false
        /// Something of them is kept.
        var barredTopics: Set<String> = []
        /// Since when brokers do not know a topic; until a record of it is delivered.
        var missing: [String: ContinuousClock.Instant] = [:]
        var isClosing = false

        func isBarred(for topic: String) -> Bool {
            self.isBarred || (!self.barredTopics.isEmpty && self.barredTopics.contains(topic))
        }

        /// Bars the topics of which something is kept.
        ///
        /// - Returns: Whether everything else is to wait too: what a missing topic keeps bars that topic alone.
        mutating func bar(_ topics: Set<String>) -> Bool {
            self.barredTopics = topics
            return topics.contains { self.missing[$0] == nil }
        }

        var turn: Turn {
            Turn(
                current: self.current, number: self.number, retired: self.retired, isBarred: self.isBarred,
                hasBarredTopics: !self.barredTopics.isEmpty, hasMissing: !self.missing.isEmpty,
                isClosing: self.isClosing)
        }
    }

    /// How things stand as reports are taken.
    struct Turn: Sendable {
        let current: KafkaProducer
        let number: Int
        let retired: [KafkaProducer]
        let isBarred: Bool
        let hasBarredTopics: Bool
        let hasMissing: Bool
        let isClosing: Bool

        /// The number of the first of `retired`.
        var oldest: Int { self.number - self.retired.count }

        /// Whether a failed producer younger than this one still holds records: they go first.
        func isHeldBack(_ number: Int) -> Bool {
            self.retired.dropFirst(max(0, number - self.oldest + 1)).contains { $0.outstanding > 0 }
        }
    }

    struct Reports {
        /// Space for reports, used again.
        var works: [Work] = []
        /// Undelivered, and to be sent again, by topic; none is empty.
        var kept: [String: KeptQueue<KeptRecord>] = [:]
        /// Has failed for good, and no other one has taken its place yet.
        var failed: KafkaProducer?
        var nextReplacement = ContinuousClock.now
        var warnings = RefusalWarnings()
        /// Have reported everything; freed when nobody who sends can still hold them.
        var spent: [KafkaProducer] = []

        mutating func removeFirstKept(of topic: String) {
            self.kept[topic]?.removeFirst()
            if self.kept[topic]?.isEmpty == true { self.kept[topic] = nil }
        }
    }

    package init(
        configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)], truncatable: Set<String>,
        topicPatience: Duration = .seconds(120), receiver: any DeliveryReceiver, logger: Logger
    ) throws {
        self.truncatable = truncatable
        self.topicPatience = topicPatience
        self.configuration = configuration
        self.topics = topics
        self.receiver = receiver
        self.logger = logger
        let producer = try KafkaProducer(configuration: configuration, topics: topics, logger: logger)
        self.state = Mutex(State(current: producer))
        NamedThread.start("adj-delivery") { [self] in self.serve() }
    }

    func makeProducer() throws(KafkaError) -> KafkaProducer {
        try KafkaProducer(configuration: self.configuration, topics: self.topics, logger: self.logger)
    }

    // MARK: - EventSink

    package func send(
        _ record: borrowing OutgoingRecord, to topic: String, partition: Int32, for work: Work
    ) -> SendResult {
        let (producer, isBarred, isClosing) = self.state.withLock {
            ($0.current, $0.isBarred(for: topic), $0.isClosing)
        }
        // Whoever waited for room must not fill the queue anew that is being emptied.
        if isClosing { return .refused(DeliveryFailure(kind: .dropped, message: "the producer is closed")) }
        // What was accepted before goes first, so that a key's outcomes keep their order.
        if isBarred { return .full }
        let opaque = Unmanaged.passRetained(work)
        do {
            try producer.send(record, to: topic, partition: partition, opaque: opaque.toOpaque())
            return .accepted
        } catch {
            opaque.release()
            if error.isForNow || self.isWaited(for: topic, error.code) { return .full }
            return .refused(DeliveryFailure(error.code, error.description))
        }
    }

    package func flushSoon() {}

    package func report() {
        self.callerTurns.add(1, ordering: .relaxed)
        _ = self.reports.withLockIfAvailable { reports in
            let turn = self.state.withLock { $0.turn }
            guard !turn.isClosing else { return }
            self.serve(turn.current, number: turn.number, turn, milliseconds: 0, &reports)
        }
    }

    package func leaveReports(toCallers: Bool) {
        let before = self.isLeftToCallers.exchange(toCallers, ordering: .acquiringAndReleasing)
        if before, !toCallers { self.back.signal() }
    }

    package func flush(milliseconds: Int) -> Bool {
        let limit = Date(timeIntervalSinceNow: Double(milliseconds) / 1000)
        while self.state.withLock({ $0.isBarred || !$0.barredTopics.isEmpty || $0.current.outstanding > 0 }) {
            guard Date() < limit else { return false }
            Thread.sleep(forTimeInterval: 0.002)
        }
        return true
    }

    package func close() {
        let current = self.state.withLock { state in
            state.isClosing = true
            return state.current
        }
        current.purge()
        self.leaveReports(toCallers: false)
        current.wake()
        self.threadEnded.wait()
        for producer in self.state.withLock({ [$0.current] + $0.retired }) { producer.close() }
        for producer in self.reports.withLock({ $0.spent }) { producer.close() }
    }

    // MARK: - The thread

    private func serve() {
        var hasMore = false
        var seenTurns = 0
        while true {
            var wait: Int? = 100
            if self.isLeftToCallers.load(ordering: .acquiring) {
                if !hasMore { _ = self.back.wait(timeout: .now() + .milliseconds(10)) }
                // Whoever takes them may be kept elsewhere for a while.
                let turns = self.callerTurns.load(ordering: .relaxed)
                wait = turns == seenTurns ? 0 : nil
                seenTurns = turns
            }
            let isOver = self.reports.withLock { self.serve(milliseconds: wait, &$0, hasMore: &hasMore) }
            if isOver { break }
        }
        self.threadEnded.signal()
    }
}
