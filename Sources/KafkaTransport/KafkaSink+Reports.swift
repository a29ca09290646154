import Commands
import Foundation
import KafkaClient
import Logging
import Processor
import Synchronization

extension KafkaSink {
    private static let eventsAtOnce = 64
    /// What makes a producer fail for good may last, and each new one has threads of its own.
    private static let replacementPause = Duration.milliseconds(500)

    /// One turn of the delivery thread.
    ///
    /// - Parameter milliseconds: How long to wait for reports; nil to leave them to others, unless the sink is closing.
    /// - Returns: Whether the sink is closing and everything has been reported.
    func serve(milliseconds: Int?, _ reports: inout Reports, hasMore: inout Bool) -> Bool {
        if !self.state.withLock({ $0.isClosing }) { self.replaceFailed(&reports) }
        let turn = self.state.withLock { $0.turn }
        // The youngest first: older ones' records wait for what it gives back.
        for (index, producer) in turn.retired.enumerated().reversed() where producer.outstanding > 0 {
            self.serve(producer, number: turn.oldest + index, turn, milliseconds: 0, &reports)
        }
        if !reports.kept.isEmpty { self.sendKept(turn, &reports) }
        if turn.isBarred || turn.hasBarredTopics { self.liftBar(&reports) }
        self.freeSpent(&reports)
        hasMore = false
        let isPressing = turn.isBarred || turn.isClosing
        if isPressing || milliseconds != nil {
            hasMore = self.serve(
                turn.current, number: turn.number, turn,
                milliseconds: min(milliseconds ?? 0, isPressing ? 5 : .max), &reports)
        }
        guard turn.isClosing else { return false }
        let left = self.state.withLock { [$0.current] + $0.retired }.filter { $0.outstanding > 0 }
        // A record may have slipped in behind the first purge.
        for producer in left { producer.purge() }
        return left.isEmpty && reports.kept.isEmpty
    }

    /// - Returns: Whether there may be more at once.
    @discardableResult
    func serve(
        _ producer: KafkaProducer, number: Int, _ turn: Turn, milliseconds: Int, _ reports: inout Reports
    ) -> Bool {
        let isHeldBack = turn.isHeldBack(number)
        var failures: [(Work, KafkaError.Code, KafkaDelivery)] = []
        // Topics that may have been missing.
        var found: Set<String> = []
        var hasKept = false
        var hasFailed = false
        var wait = milliseconds
        var events = 0
        // Each partition's acknowledgements come as an event of their own.
        while events < Self.eventsAtOnce {
            let count = producer.serve(
                milliseconds: wait, namesTopics: turn.hasMissing,
                undelivered: { code, topic in
                    guard !turn.isClosing, !code.isHopeless || self.mayTruncate(code, topic) else { return .report }
                    if code.saysTopicIsMissing { return self.isWaited(for: topic, code) ? .keep : .report }
                    // What is to be cut down is no matter of room.
                    if code.isHopeless { return .resend(turn.current) }
                    if code.isOfBroker { self.warn(code, topic, &reports.warnings) }
                    // Nothing overtakes what is kept already, or what younger producers are still to give back.
                    return reports.kept[topic] == nil && !isHeldBack ? .resend(turn.current) : .keep
                },
                kept: { record in
                    hasKept = true
                    reports.kept[record.topic, default: KeptQueue()].insert(record, from: number)
                },
                failed: { error in
                    if error.isFatal {
                        hasFailed = true
                        self.logger.error("the producer failed for good", metadata: ["error": "\(error)"])
                    } else {
                        self.logger.warning("producer", metadata: ["error": "\(error)"])
                    }
                },
                { delivery in
                    guard let opaque = delivery.opaque else { return }
                    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
                    if let error = delivery.error {
                        failures.append((work, error, delivery))
                    } else {
                        reports.works.append(work)
                        if turn.hasMissing { found.insert(delivery.topic) }
                    }
                })
            guard count > 0 else { break }
            events += 1
            wait = 0
        }
        if !found.isEmpty {
            self.state.withLock { state in
                for topic in found { state.missing[topic] = nil }
            }
        }
        if hasFailed || hasKept {
            if hasFailed, self.state.withLock({ $0.current === producer }) { reports.failed = producer }
            let topics = Set(reports.kept.keys)
            self.state.withLock { state in
                if state.bar(topics) || hasFailed { state.isBarred = true }
            }
            if !turn.isClosing { self.replaceFailed(&reports) }
        }
        if !reports.works.isEmpty {
            self.receiver.delivered(reports.works)
            reports.works.removeAll(keepingCapacity: true)
        }
        for (work, code, delivery) in failures {
            self.receiver.undeliverable(
                work, topic: delivery.topic, commandID: self.commandID(delivery.undelivered, delivery.topic),
                failure: DeliveryFailure(code, code.text))
        }
        return events == Self.eventsAtOnce
    }

    /// An outcome that is too large goes out as a note of its size; a command or a dead letter is never cut.
    private func mayTruncate(_ code: KafkaError.Code, _ topic: String) -> Bool {
        code == .messageTooLarge && self.truncatable.contains(topic)
    }

    /// The command that a record tells of, or that it is.
    private func commandID(_ record: OutgoingRecord?, _ topic: String) -> String? {
        guard let record = record.map({ Record($0, topic: topic) }) else { return nil }
        return record.header(named: self.truncatable.contains(topic) ? "ce_subject" : "ce_id").flatMap(record.text)
    }

    /// Whether the code says that brokers do not know the topic, and it may still be back.
    func isWaited(for topic: String, _ code: KafkaError.Code) -> Bool {
        guard code.saysTopicIsMissing else { return false }
        let now = ContinuousClock.now
        let since = self.state.withLock { state -> ContinuousClock.Instant? in
            let since = state.missing[topic]
            if since == nil { state.missing[topic] = now }
            return since
        }
        if let since { return now - since < self.topicPatience }
        self.logger.warning(
            "a topic is missing: its records wait",
            metadata: ["topic": "\(topic)", "error": "\(code.text) (\(code.name))", "limit": "\(self.topicPatience)"])
        return true
    }

    private func warn(_ code: KafkaError.Code, _ topic: String, _ warnings: inout RefusalWarnings) {
        guard warnings.isDue(topic: topic, code: code, at: .now) else { return }
        self.logger.warning(
            "the broker refuses records, which are sent again; said once a minute",
            metadata: ["topic": "\(topic)", "error": "\(code.text) (\(code.name))"])
    }

    // MARK: - Failed producers

    /// Puts a new producer in the place of one that failed for good; when that cannot be done now, at a later turn.
    private func replaceFailed(_ reports: inout Reports) {
        guard let failed = reports.failed, .now >= reports.nextReplacement else { return }
        reports.nextReplacement = .now + Self.replacementPause
        do {
            let producer = try self.makeProducer()
            self.state.withLock { state in
                state.retired.append(state.current)
                state.current = producer
                state.number += 1
                state.isBarred = true
            }
            reports.failed = nil
            failed.purge()
            self.logger.notice("a new producer has taken over")
        } catch {
            self.logger.error("no new producer could be made: it is tried again", metadata: ["error": "\(error)"])
        }
    }

    /// Sends what is kept as far as there is room; a missing topic's records stay, and others pass them.
    private func sendKept(_ turn: Turn, _ reports: inout Reports) {
        for topic in Array(reports.kept.keys) {
            while let (record, number) = reports.kept[topic]?.first {
                if !turn.isClosing, turn.isHeldBack(number) { break }
                var failure = DeliveryFailure(kind: .dropped, message: "the producer is closed")
                if !turn.isClosing {
                    do throws(KafkaError) {
                        try turn.current.send(record)
                        reports.removeFirstKept(of: topic)
                        continue
                    } catch {
                        if error.isForNow { return }
                        if self.isWaited(for: topic, error.code) { break }
                        failure = DeliveryFailure(error.code, error.description)
                    }
                }
                reports.removeFirstKept(of: topic)
                guard let opaque = record.opaque else { continue }
                let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
                self.receiver.undeliverable(
                    work, topic: topic, commandID: self.commandID(record.record, topic), failure: failure)
            }
        }
    }

    /// Lets new records through again once nothing is left that was accepted before.
    private func liftBar(_ reports: inout Reports) {
        let hasFailed = reports.failed != nil
        let topics = Set(reports.kept.keys)
        let spent = self.state.withLock { state -> [KafkaProducer] in
            let isBarred = state.bar(topics) || hasFailed
            guard state.retired.allSatisfy({ $0.outstanding == 0 }) else { return [] }
            state.isBarred = isBarred
            defer { state.retired = [] }
            return state.retired
        }
        reports.spent += spent
    }

    private func freeSpent(_ reports: inout Reports) {
        for index in reports.spent.indices.reversed() where isKnownUniquelyReferenced(&reports.spent[index]) {
            reports.spent.remove(at: index).close()
        }
    }
}

extension KafkaError.Code {
    /// The same bytes will be refused again.
    fileprivate var isHopeless: Bool {
        switch self {
        case .messageTooLarge, .invalidArgument, .topicAuthorizationFailed, .invalidRecord, .unsupportedMessageFormat,
            .policyViolation:
            true
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
