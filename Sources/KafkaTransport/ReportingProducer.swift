import Commands
import Foundation
import KafkaClient
import Logging
import Processor
import Synchronization

/// A producer with a thread for its reports; after a fatal error another takes its place, once all that the first held
/// has been reported.
final class ReportingProducer: Sendable {
    private struct State {
        var producer: KafkaProducer
        /// Nothing more goes to the producer: it is about to be replaced.
        var isReplacing = false
        var isClosing = false
    }

    private let configuration: KafkaConfiguration
    private let receiver: any RecordReceiver
    private let logger: Logger
    private let state: Mutex<State>
    /// Whether a record that fails takes all others along.
    private let failsTogether: Bool
    private let threadEnded = DispatchSemaphore(value: 0)

    init(
        _ configuration: KafkaConfiguration, thread: String, failsTogether: Bool, receiver: any RecordReceiver,
        logger: Logger
    ) throws(KafkaError) {
        self.configuration = configuration
        self.failsTogether = failsTogether
        self.receiver = receiver
        self.logger = logger
        self.state = Mutex(State(producer: try KafkaProducer(configuration: configuration, logger: logger)))
        NamedThread.start(thread) { [self] in self.serve() }
    }

    /// The lock is held meanwhile, so that nothing reaches a producer that is being replaced.
    func send(_ record: borrowing OutgoingRecord, to topic: String, ticket: Int) -> RecordSendResult {
        self.state.withLock { state in
            guard !state.isReplacing, !state.isClosing else { return .full }
            do throws(KafkaError) {
                try state.producer.send(
                    record, to: topic, partition: -1, opaque: UnsafeMutableRawPointer(bitPattern: ticket))
                return .accepted
            } catch {
                // After a fatal error, the thread is about to replace the producer.
                if error.isForNow { return .full }
                return .failed(RecordOutcome(error.code))
            }
        }
    }

    func startOver() {
        let producer = self.state.withLock { state in
            state.isReplacing = true
            return state.producer
        }
        producer.purge()
        producer.wake()
    }

    /// Blocks until all is reported.
    func close() {
        let producer = self.state.withLock { state in
            state.isClosing = true
            return state.producer
        }
        producer.wake()
        self.threadEnded.wait()
    }

    // MARK: - The thread

    private func serve() {
        var isPurged = false
        while true {
            let (producer, isReplacing, isClosing) = self.state.withLock {
                ($0.producer, $0.isReplacing, $0.isClosing)
            }
            if (isReplacing || isClosing), !isPurged {
                producer.purge()
                isPurged = true
            }
            if self.report(of: producer, milliseconds: isPurged ? 5 : 100) { continue }
            guard isPurged, producer.outstanding == 0 else {
                isPurged = false
                continue
            }
            if isClosing {
                producer.close()
                break
            }
            if self.replace(producer) { isPurged = false } else { Thread.sleep(forTimeInterval: 0.5) }
        }
        self.threadEnded.signal()
    }

    /// Whether there was anything.
    private func report(of producer: KafkaProducer, milliseconds: Int) -> Bool {
        var reports: [RecordReport] = []
        var failure: KafkaError?
        producer.serve(
            milliseconds: milliseconds,
            failed: { error in
                if error.isFatal {
                    failure = error
                } else {
                    self.logger.warning("outbox producer", metadata: ["error": "\(error)"])
                }
            },
            { delivery in
                guard let opaque = delivery.opaque else { return }
                reports.append(
                    RecordReport(
                        ticket: Int(bitPattern: opaque), outcome: delivery.error.map(RecordOutcome.init) ?? .delivered))
            })
        if let failure {
            self.logger.warning("the outbox's producer is replaced", metadata: ["cause": "\(failure)"])
        }
        // Before the receiver hears of a failure, and until it has, nothing is accepted: what is sent later must not
        // overtake what failed.
        let isBroken = self.failsTogether && reports.contains { $0.outcome != .delivered }
        if failure != nil || isBroken {
            self.state.withLock { $0.isReplacing = true }
        }
        if !reports.isEmpty { self.receiver.settled(reports) }
        return failure != nil || !reports.isEmpty
    }

    private func replace(_ failed: KafkaProducer) -> Bool {
        do {
            let producer = try KafkaProducer(configuration: self.configuration, logger: self.logger)
            self.state.withLock { state in
                state.producer = producer
                state.isReplacing = false
            }
            failed.close()
            return true
        } catch {
            self.logger.error("no new producer could be made", metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension RecordOutcome {
    init(_ code: KafkaError.Code) {
        switch code {
        case .unknownTopic, .unknownTopicOrPartition, .topicAuthorizationFailed, .clusterAuthorizationFailed,
            .invalidTopic:
            self = .refused("\(code.name): \(code.text)")
        case .messageTimedOut: self = .refused("\(code.name): no answer in time; the topic may be denied")
        case .messageTooLarge, .invalidArgument, .invalidRecord, .invalidMessageSize, .invalidTimestamp,
            .unsupportedMessageFormat:
            self = .unacceptable("\(code.name): \(code.text)")
        default: self = .unknown
        }
    }
}
