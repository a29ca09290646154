import Commands
import Foundation
import KafkaClient
import Logging

/// Sends commands and waits for the broker's word on each. Everything here blocks.
struct CommandSender {
    /// Where a command lies now.
    struct Receipt: Sendable, Encodable {
        var id: String
        var topic: String
        var partition: Int32
        var offset: Int64
    }

    struct Report: Sendable {
        /// In the order of sending.
        var sent: [Receipt]
        var failed: Int
        var firstFailure: ToolError?
    }

    let configuration: KafkaConfiguration
    let topic: KafkaTopic
    let structured: Bool
    let logger: Logger

    func send(_ drafts: [CommandDraft]) throws -> Report {
        let deliveries = try self.deliver(drafts.count) { index, record in
            drafts[index].write(into: &record, structured: self.structured, now: Clock.now())
        }
        return self.report(drafts, deliveries)
    }

    /// Sends records that the closure writes, and waits for what becomes of them.
    func deliver(_ count: Int, write: (Int, inout OutgoingRecord) -> Void) throws -> Deliveries {
        let producer: KafkaProducer
        do {
            producer = try KafkaProducer(
                configuration: WorkerAssembly.producerConfiguration(self.configuration).with(defaults: [
                    "message.timeout.ms": "30000"
                ]), topics: [(self.topic.name, self.topic.partitions)], logger: self.logger)
        } catch {
            throw ToolError(error)
        }
        defer {
            producer.purge()
            producer.close()
        }
        var deliveries = Deliveries(count: count)
        var record = OutgoingRecord()
        for index in 0..<count {
            write(index, &record)
            self.queue(record, index: index, on: producer, &deliveries)
            if index % 1000 == 999 { deliveries.serve(producer, milliseconds: 0) }
        }
        while deliveries.open > 0 { deliveries.serve(producer, milliseconds: 100) }
        return deliveries
    }

    private func queue(
        _ record: borrowing OutgoingRecord, index: Int, on producer: KafkaProducer, _ deliveries: inout Deliveries
    ) {
        while true {
            do {
                let opaque = UnsafeMutableRawPointer(bitPattern: index + 1)
                try producer.send(record, to: self.topic.name, partition: -1, opaque: opaque)
                deliveries.open += 1
                return
            } catch  where error.code == .queueFull {
                deliveries.serve(producer, milliseconds: 10)
            } catch {
                deliveries.firstFailure = deliveries.firstFailure ?? error
                return
            }
        }
    }

    private func report(_ drafts: [CommandDraft], _ deliveries: Deliveries) -> Report {
        var report = Report(sent: [], failed: 0, firstFailure: nil)
        report.sent.reserveCapacity(drafts.count)
        for (index, draft) in drafts.enumerated() {
            guard let place = deliveries.places[index] else {
                report.failed += 1
                continue
            }
            report.sent.append(
                Receipt(id: draft.id, topic: self.topic.name, partition: place.partition, offset: place.offset))
        }
        if let failure = deliveries.firstFailure {
            let detail = deliveries.trouble.map { "; \($0)" } ?? ""
            report.firstFailure = ToolError(
                ToolError(failure).exit, "\(self.topic.name): \(failure.message)\(detail)")
        }
        return report
    }
}

/// What is known of the records on their way.
struct Deliveries {
    fileprivate var open = 0
    fileprivate(set) var places: [(partition: Int32, offset: Int64)?]
    fileprivate(set) var firstFailure: KafkaError?
    /// What the client says of its connections.
    fileprivate var trouble: String?

    fileprivate init(count: Int) { self.places = Array(repeating: nil, count: count) }

    fileprivate mutating func serve(_ producer: KafkaProducer, milliseconds: Int) {
        var trouble = self.trouble
        var settled: [KafkaDelivery] = []
        producer.serve(
            milliseconds: milliseconds, failed: { trouble = $0.message }, { settled.append($0) })
        self.trouble = trouble
        self.open -= settled.count
        for delivery in settled {
            if let code = delivery.error {
                self.firstFailure = self.firstFailure ?? KafkaError(code: code, message: code.text)
            } else if let index = delivery.opaque.map({ Int(bitPattern: $0) - 1 }) {
                self.places[index] = (delivery.partition, delivery.offset)
            }
        }
    }
}

/// The wall clock.
enum Clock {
    /// Microseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
