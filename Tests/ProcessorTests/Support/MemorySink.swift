import Commands
import Foundation
import Processor

/// A record as it was handed to the sink.
struct SentRecord: Sendable {
    struct Header: Sendable, Hashable {
        var name: String
        var value: [UInt8]?
    }

    var topic: String
    var partition: Int32
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [Header]

    func header(_ name: String) -> String? {
        self.headers.first { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A producer in memory. Tests hold topics back, let the queue be full, and refuse records.
final class MemorySink: EventSink {
    struct State: Sendable {
        /// Accepted and not yet delivered, in order.
        var queued: [Queued] = []
        var held: @Sendable (SentRecord) -> Bool = { _ in false }
        var queueLimit = Int.max
        var refuse: (@Sendable (SentRecord) -> DeliveryFailure?)?
        var undeliverable: (@Sendable (SentRecord) -> DeliveryFailure?)?
        var fullAnswers = 0
        var refusals = 0
        var isCut = false
        var isClosed = false
    }

    struct Queued: Sendable {
        var record: SentRecord
        var work: Work
    }

    let state = Watched(State())
    private let broker: MemoryBroker
    private let receiver: any DeliveryReceiver
    private let queue = DispatchQueue(label: "memory-sink")

    init(broker: MemoryBroker, receiver: any DeliveryReceiver) {
        self.broker = broker
        self.receiver = receiver
    }

    // MARK: - For tests

    func hold(_ topics: String...) { self.hold { topics.contains($0.topic) } }
    func hold(where isHeld: @escaping @Sendable (SentRecord) -> Bool) { self.state.update { $0.held = isHeld } }

    func letGo() {
        self.state.update { $0.held = { _ in false } }
        self.queue.async { self.deliver() }
    }

    /// The process is gone as far as the broker knows: nothing more is stored, nothing is reported.
    func cut() { self.state.update { $0.isCut = true } }

    // MARK: - EventSink

    func send(_ record: borrowing OutgoingRecord, to topic: String, partition: Int32, for work: Work) -> SendResult {
        let bytes = record.bytes
        func copy(_ span: ByteSpan) -> [UInt8]? { span.isNull ? nil : Array(bytes[span.range]) }
        let sent = SentRecord(
            topic: topic, partition: partition, key: copy(record.key), value: copy(record.value),
            headers: record.headers.map { header in
                SentRecord.Header(
                    name: String(decoding: bytes[header.name.range], as: UTF8.self), value: copy(header.value))
            })
        let result: SendResult = self.state.update { state in
            if state.isClosed { return .refused(DeliveryFailure(kind: .dropped, message: "closed")) }
            if let failure = state.refuse?(sent) {
                state.refusals += 1
                return .refused(failure)
            }
            guard state.queued.count < state.queueLimit else {
                state.fullAnswers += 1
                return .full
            }
            state.queued.append(Queued(record: sent, work: work))
            return .accepted
        }
        if case .accepted = result { self.queue.async { self.deliver() } }
        return result
    }

    private func deliver() {
        let (ready, undeliverable) = self.state.update {
            state -> ([Queued], (@Sendable (SentRecord) -> DeliveryFailure?)?) in
            guard !state.isCut else { return ([], nil) }
            let held = state.held
            let ready = state.queued.filter { !held($0.record) }
            state.queued.removeAll { !held($0.record) }
            return (ready, state.undeliverable)
        }
        var works: [Work] = []
        for entry in ready {
            if let failure = undeliverable?(entry.record) {
                self.receiver.undeliverable(
                    entry.work, topic: entry.record.topic, commandID: nil, failure: failure)
            } else {
                self.broker.append(entry.record)
                works.append(entry.work)
            }
        }
        if !works.isEmpty { self.receiver.delivered(works) }
    }

    func flushSoon() {}

    func report() {}

    func leaveReports(toCallers: Bool) {}

    func flush(milliseconds: Int) -> Bool { self.state.value.queued.isEmpty }

    func close() {
        let dropped = self.state.update { state in
            state.isClosed = true
            defer { state.queued = [] }
            return state.queued
        }
        for entry in dropped {
            self.receiver.undeliverable(
                entry.work, topic: entry.record.topic, commandID: nil,
                failure: DeliveryFailure(kind: .dropped, message: "closed"))
        }
        // What was taken for delivery before is still being reported.
        self.queue.sync {}
    }
}
