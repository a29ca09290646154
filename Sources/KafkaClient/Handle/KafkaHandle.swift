import CRDKafka
import Logging
import Synchronization

/// Owns one `rd_kafka_t` and the queue on which everything about it arrives.
///
/// `@unchecked Sendable`: `rd_kafka_t` and queues are thread-safe by librdkafka's promise; the pointers never change, and
/// `destroy` is called by the owner, when no other call is under way but those of ``whileAlive(_:)``.
package final class KafkaHandle: @unchecked Sendable {
    package enum Kind: Sendable { case consumer, producer }

    let pointer: OpaquePointer
    let queue: OpaquePointer
    let logger: Logger
    let statistics = KafkaStatistics()
    private let isDestroyed = Mutex(false)

    /// - Parameter events: The kinds of event to receive besides records, as librdkafka's bit mask.
    init(kind: Kind, configuration: KafkaConfiguration, events: Int32, logger: Logger) throws(KafkaError) {
        let conf = try configuration.with(defaults: ["log.queue": "true", "log_level": "5"]).makeHandle()
        rd_kafka_conf_set_events(conf, events)
        var text = [CChar](repeating: 0, count: 512)
        let type = kind == .consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER
        guard let pointer = rd_kafka_new(type, conf, &text, text.count) else {
            rd_kafka_conf_destroy(conf)
            let detail = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw KafkaError(code: .invalidArgument, message: "the Kafka client cannot start: \(detail)")
        }
        self.pointer = pointer
        self.logger = logger
        if kind == .consumer {
            rd_kafka_poll_set_consumer(pointer)
            self.queue = rd_kafka_queue_get_consumer(pointer)
        } else {
            self.queue = rd_kafka_queue_get_main(pointer)
        }
        rd_kafka_set_log_queue(pointer, self.queue)
    }

    /// Makes a thread that waits on the queue return; from any thread, also when the handle is gone already.
    func wake() { self.whileAlive { rd_kafka_queue_yield(self.queue) } }

    /// For what may come while the owner destroys the handle: it is done before, or not at all.
    func whileAlive(_ body: () -> Void) { self.isDestroyed.withLock { if !$0 { body() } } }

    /// Frees everything. Blocks while librdkafka's threads end; for ever if a message or an event is still held.
    func destroy(immediately: Bool = false) {
        let first = self.isDestroyed.withLock { done in
            defer { done = true }
            return !done
        }
        guard first else { return }
        rd_kafka_queue_destroy(self.queue)
        if immediately {
            rd_kafka_destroy_flags(self.pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
        } else {
            rd_kafka_destroy(self.pointer)
        }
    }

    /// Passes a log event of librdkafka on.
    func log(_ event: OpaquePointer) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let facility, let text else { return }
        let severity: Logger.Level =
            switch level {
            case ...3: .error
            case 4: .warning
            case 5: .notice
            case 6: .info
            default: .debug
            }
        // What librdkafka reports of lost and refused connections comes as an error event too.
        let facilityName = String(cString: facility)
        let message = String(cString: text)
        // That a property is experimental is no news to whoever reads the log: the producer sets it, knowing why. Nor is
        // it that producers ignore properties of consumers and the other way round: one list of settings is for both.
        let isKnown =
            facilityName == "CONFWARN"
            && (message.contains("enable.gapless.guarantee is experimental")
                || message.contains("and will be ignored by this"))
        let quiet = facilityName == "FAIL" || facilityName == "ERROR" || isKnown
        self.logger.log(
            level: quiet ? .debug : severity, "\(message)",
            metadata: ["kafka.facility": "\(facilityName)"])
    }

    /// The error that an event carries.
    func error(of event: OpaquePointer) -> KafkaError {
        let code = KafkaError.Code(rd_kafka_event_error(event))
        let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? code.text
        guard code == .fatal || rd_kafka_event_error_is_fatal(event) != 0 else {
            return KafkaError(code: code, message: text)
        }
        var detail = [CChar](repeating: 0, count: 512)
        let cause = rd_kafka_fatal_error(self.pointer, &detail, detail.count)
        let message = String(decoding: detail.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return KafkaError(
            code: cause == RD_KAFKA_RESP_ERR_NO_ERROR ? code : KafkaError.Code(cause),
            message: message.isEmpty ? text : message, isFatal: true)
    }
}
