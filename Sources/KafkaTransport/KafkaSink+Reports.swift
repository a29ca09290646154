import DequeModule
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
    /// - Returns: Whether the sink is closing and everything has been reported.
    func serve(milliseconds: Int, _ reports: inout Reports, hasMore: inout Bool) -> Bool {
        let isClosing = self.state.withLock { $0.isClosing }
        if !isClosing { self.replaceFailed(&reports) }
        let (current, retired, isBarred) = self.state.withLock { ($0.current, $0.retired, $0.isBarred) }
        for producer in retired where producer.outstanding > 0 {
            self.serve(producer, resendThrough: current, milliseconds: 0, &reports, isClosing: isClosing)
        }
        if !reports.kept.isEmpty { self.sendKept(through: current, &reports, isClosing: isClosing) }
        if isBarred { self.liftBar(&reports) }
        self.freeSpent(&reports)
        hasMore = self.serve(
            current, resendThrough: current,
            milliseconds: isBarred || isClosing ? min(milliseconds, 5) : milliseconds, &reports, isClosing: isClosing)
        guard isClosing else { return false }
        let left = self.state.withLock { [$0.current] + $0.retired }.filter { $0.outstanding > 0 }
        // A record may have slipped in behind the first purge.
        for producer in left { producer.purge() }
        return left.isEmpty && reports.kept.isEmpty
    }

    /// - Returns: Whether there may be more at once.
    @discardableResult
    func serve(
        _ producer: KafkaProducer, resendThrough target: KafkaProducer, milliseconds: Int, _ reports: inout Reports,
        isClosing: Bool
    ) -> Bool {
        var failures: [(Work, KafkaError.Code, String)] = []
        var kept: [KeptRecord] = []
        var hasKept = !reports.kept.isEmpty
        var hasFailed = false
        var wait = milliseconds
        var events = 0
        // Each partition's acknowledgements come as an event of their own.
        while events < Self.eventsAtOnce {
            let count = producer.serve(
                milliseconds: wait,
                undelivered: { code, topic in
                    guard !isClosing, !code.isHopeless || self.mayTruncate(code, topic) else { return .report }
                    if code.isOfBroker, !code.isHopeless { self.warn(code, topic, &reports.warnings) }
                    // Nothing overtakes what is kept already; what is to be cut down is no matter of room.
                    return hasKept && !code.isHopeless ? .keep : .resend(target)
                },
                kept: {
                    hasKept = true
                    kept.append($0)
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
                        failures.append((work, error, delivery.topic))
                    } else {
                        reports.works.append(work)
                    }
                })
            guard count > 0 else { break }
            events += 1
            wait = 0
        }
        if hasFailed || !kept.isEmpty {
            reports.kept.append(contentsOf: kept)
            if hasFailed, self.state.withLock({ $0.current === producer }) { reports.failed = producer }
            self.state.withLock { $0.isBarred = true }
            if !isClosing { self.replaceFailed(&reports) }
        }
        if !reports.works.isEmpty {
            self.receiver.delivered(reports.works)
            reports.works.removeAll(keepingCapacity: true)
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
                state.isBarred = true
            }
            reports.failed = nil
            failed.purge()
            self.logger.notice("a new producer has taken over")
        } catch {
            self.logger.error("no new producer could be made: it is tried again", metadata: ["error": "\(error)"])
        }
    }

    private func sendKept(through current: KafkaProducer, _ reports: inout Reports, isClosing: Bool) {
        while let record = reports.kept.first {
            var failure = DeliveryFailure(kind: .dropped, message: "the producer is closed")
            if !isClosing {
                do throws(KafkaError) {
                    try current.send(record)
                    reports.kept.removeFirst()
                    continue
                } catch {
                    if error.isForNow { return }
                    failure = DeliveryFailure(error.code, error.description)
                }
            }
            reports.kept.removeFirst()
            guard let opaque = record.opaque else { continue }
            let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
            self.receiver.undeliverable(work, topic: record.topic, failure: failure)
        }
    }

    /// Lets new records through again once nothing is left that was accepted before.
    private func liftBar(_ reports: inout Reports) {
        let hasMore = reports.failed != nil || !reports.kept.isEmpty
        let spent = self.state.withLock { state -> [KafkaProducer] in
            guard state.retired.allSatisfy({ $0.outstanding == 0 }) else { return [] }
            state.isBarred = hasMore
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
