import Commands
import Foundation
import KafkaClient
import Logging
import Processor
import Synchronization

/// The engine's sink: an idempotent producer, with a thread of its own for delivery reports.
///
/// A record that fails is queued again with the same bytes, and so the same event id, unless the broker will never take
/// it. After a fatal error of the producer a new one takes over, and what the old one held goes through it.
package final class KafkaSink: EventSink {
    private let configuration: KafkaConfiguration
    private let receiver: any DeliveryReceiver
    private let logger: Logger
    private let truncatable: Set<String>
    private let state: Mutex<State>
    private let threadEnded = DispatchSemaphore(value: 0)
    /// Held by whoever takes reports; what it holds is the space for them, used again.
    private let reports = Mutex<[Work]>([])
    private let isLeftToCallers = Atomic<Bool>(false)
    private let back = DispatchSemaphore(value: 0)

    private struct State {
        var current: KafkaProducer
        /// Producers that failed: served until they have reported everything, freed at the end.
        var retired: [KafkaProducer] = []
        var topics: [(name: String, partitions: Int32)] = []
        /// A new producer has taken over, and the old one has not handed over everything yet.
        var isReplacing = false
        var isClosing = false
    }

    package init(
        configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)], truncatable: Set<String>,
        receiver: any DeliveryReceiver, logger: Logger
    ) throws {
        self.truncatable = truncatable
        self.configuration = configuration
        self.receiver = receiver
        self.logger = logger
        let producer = try Self.makeProducer(configuration, topics: topics, logger: logger)
        self.state = Mutex(State(current: producer, topics: topics))
        NamedThread.start("adj-delivery") { [self] in self.serve() }
    }

    private static func makeProducer(
        _ configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)], logger: Logger
    ) throws -> KafkaProducer {
        try KafkaProducer(configuration: configuration, topics: topics, logger: logger)
    }

    // MARK: - EventSink

    package func send(
        _ record: borrowing OutgoingRecord, to topic: String, partition: Int32, for work: Work
    ) -> SendResult {
        let (producer, isReplacing, isClosing) = self.state.withLock { ($0.current, $0.isReplacing, $0.isClosing) }
        // Whoever waited for room must not fill the queue anew that is being emptied.
        if isClosing { return .refused(DeliveryFailure(kind: .dropped, message: "the producer is closed")) }
        // What a failed producer held goes first, so that a key's outcomes keep their order.
        if isReplacing { return .full }
        let opaque = Unmanaged.passRetained(work)
        do {
            try producer.send(record, to: topic, partition: partition, opaque: opaque.toOpaque())
            return .accepted
        } catch {
            opaque.release()
            // A producer that has just failed for good is about to be replaced: as good as no room.
            if error.code == .queueFull || error.code == .fatal || error.isFatal { return .full }
            return .refused(DeliveryFailure(error.code, error.description))
        }
    }

    package func flushSoon() {}

    package func report() {
        _ = self.reports.withLockIfAvailable { works in
            let (current, isClosing) = self.state.withLock { ($0.current, $0.isClosing) }
            guard !isClosing else { return }
            self.serve(current, resendThrough: current, milliseconds: 0, works: &works, isClosing: false)
        }
    }

    package func leaveReports(toCallers: Bool) {
        let before = self.isLeftToCallers.exchange(toCallers, ordering: .acquiringAndReleasing)
        if before, !toCallers { self.back.signal() }
    }

    package func flush(milliseconds: Int) -> Bool {
        let limit = Date(timeIntervalSinceNow: Double(milliseconds) / 1000)
        while self.state.withLock({ $0.current.outstanding }) > 0 {
            guard Date() < limit else { return false }
            Thread.sleep(forTimeInterval: 0.002)
        }
        return true
    }

    package func close() {
        let producers = self.state.withLock { state in
            state.isClosing = true
            return [state.current] + state.retired
        }
        for producer in producers { producer.purge() }
        self.leaveReports(toCallers: false)
        self.state.withLock { $0.current }.wake()
        self.threadEnded.wait()
        for producer in producers { producer.close() }
    }

    // MARK: - Delivery reports

    private static let eventsAtOnce = 64

    private func serve() {
        var hasMore = false
        while true {
            var wait = 100
            if self.isLeftToCallers.load(ordering: .acquiring) {
                // Whoever takes them may be kept elsewhere for a while.
                if !hasMore { _ = self.back.wait(timeout: .now() + .milliseconds(10)) }
                wait = 0
            }
            let isOver = self.reports.withLock { self.serve(milliseconds: wait, works: &$0, hasMore: &hasMore) }
            if isOver { break }
        }
        self.threadEnded.signal()
    }

    /// - Returns: Whether the sink is closing and everything has been reported.
    private func serve(milliseconds: Int, works: inout [Work], hasMore: inout Bool) -> Bool {
        let (current, retired, isClosing) = self.state.withLock { ($0.current, $0.retired, $0.isClosing) }
        for producer in retired where producer.outstanding > 0 {
            self.serve(producer, resendThrough: current, milliseconds: 0, works: &works, isClosing: isClosing)
        }
        if !retired.isEmpty, retired.allSatisfy({ $0.outstanding == 0 }) {
            self.state.withLock { $0.isReplacing = false }
        }
        hasMore = self.serve(
            current, resendThrough: current,
            milliseconds: retired.isEmpty && !isClosing ? milliseconds : min(milliseconds, 5), works: &works,
            isClosing: isClosing)
        guard isClosing else { return false }
        let left = ([current] + retired).filter { $0.outstanding > 0 }
        // A record may have slipped in behind the first purge.
        for producer in left { producer.purge() }
        return left.isEmpty
    }

    /// - Returns: Whether there may be more at once.
    @discardableResult
    private func serve(
        _ producer: KafkaProducer, resendThrough target: KafkaProducer, milliseconds: Int, works: inout [Work],
        isClosing: Bool
    ) -> Bool {
        var failures: [(Work, KafkaError.Code, String)] = []
        var needsNew = false
        var wait = milliseconds
        var events = 0
        // Each partition's acknowledgements come as an event of their own.
        while events < Self.eventsAtOnce {
            let count = producer.serve(
                milliseconds: wait,
                resendThrough: { code, topic in
                    !isClosing && (!code.isHopeless || self.mayTruncate(code, topic)) ? target : nil
                },
                failed: { error in
                    if error.isFatal {
                        needsNew = true
                        self.logger.error("the producer failed for good", metadata: ["error": "\(error)"])
                    } else {
                        self.logger.warning("producer", metadata: ["error": "\(error)"])
                    }
                },
                { delivery in
                    guard let opaque = delivery.opaque else { return }
                    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
                    if let error = delivery.error {
                        failures.append((work, error, delivery.topic))
                    } else {
                        works.append(work)
                    }
                })
            guard count > 0 else { break }
            events += 1
            wait = 0
        }
        if needsNew, !isClosing { self.replace(producer) }
        if !works.isEmpty {
            self.receiver.delivered(works)
            works.removeAll(keepingCapacity: true)
        }
        for (work, code, topic) in failures {
            self.receiver.undeliverable(work, topic: topic, failure: DeliveryFailure(code, code.text))
        }
        return events == Self.eventsAtOnce
    }

    /// An outcome that is too large goes out as a note of its size; a command or a dead letter is never cut.
    private func mayTruncate(_ code: KafkaError.Code, _ topic: String) -> Bool {
        code == .messageTooLarge && self.truncatable.contains(topic)
    }

    private func replace(_ failed: KafkaProducer) {
        let (topics, isCurrent) = self.state.withLock { ($0.topics, $0.current === failed) }
        guard isCurrent else { return }
        do {
            let producer = try Self.makeProducer(self.configuration, topics: topics, logger: self.logger)
            self.state.withLock { state in
                state.retired.append(state.current)
                state.isReplacing = true
                state.current = producer
            }
            failed.purge()
            self.logger.notice("a new producer has taken over")
        } catch {
            self.logger.error("no new producer could be made", metadata: ["error": "\(error)"])
        }
    }
}

extension KafkaError.Code {
    /// The same bytes will be refused again.
    fileprivate var isHopeless: Bool {
        switch self {
        case .messageTooLarge, .invalidArgument, .topicAuthorizationFailed: true
        default: false
        }
    }
}

extension DeliveryFailure {
    init(_ code: KafkaError.Code, _ message: String) {
        switch code {
        case .messageTooLarge: self.init(kind: .tooLarge, message: message)
        case .purgedFromQueue, .purgedInFlight: self.init(kind: .dropped, message: message)
        default: self.init(kind: .other, message: message)
        }
    }
}
