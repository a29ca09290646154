import CRDKafka
import Commands
import Glibc
import Logging
import Synchronization

/// The report on one record: delivered, or not and why.
package struct KafkaDelivery {
    /// What was given to ``KafkaProducer/send(_:to:partition:opaque:)``.
    package var opaque: UnsafeMutableRawPointer?
    package var error: KafkaError.Code?
    /// Where the record lies now; negative when it was not delivered.
    package var partition: Int32 = -1
    package var offset: Int64 = -1
    /// Where the record was to go; filled for failures, for others when asked for.
    package var topic = ""
    /// What was not delivered, unless it was dropped on purpose.
    package var undelivered: OutgoingRecord?
}

/// An undelivered record that no producer took when it was to be sent again.
///
/// `@unchecked Sendable`: the pointer is only handed on.
package struct KeptRecord: @unchecked Sendable {
    package fileprivate(set) var record: OutgoingRecord
    package let topic: String
    package let partition: Int32
    /// What the report is to carry.
    package let opaque: UnsafeMutableRawPointer?
}

/// An idempotent producer. Sending is for any thread; one thread calls ``serve(milliseconds:_:)`` for the reports.
package final class KafkaProducer: Sendable {
    let handle: KafkaHandle
    /// The topics known from the start, looked through in order: a handful, and the busiest first.
    private let known: [KnownTopic]
    private let topics = Mutex<[String: TopicHandle]>([:])

    /// `@unchecked Sendable`: topic handles are thread-safe by librdkafka's promise.
    package struct TopicHandle: @unchecked Sendable {
        let pointer: OpaquePointer
        var partitions: Int32
    }

    /// A topic that is opened by its first record. librdkafka's thread goes through all partitions of all open topics
    /// whenever it wakes, so that those that are hardly ever written to should not be among them.
    private final class KnownTopic: Sendable {
        let name: String
        let partitions: Int32
        private let bits = Atomic<UInt>(0)
        private let opening = Mutex<Void>(())

        init(name: String, partitions: Int32) {
            self.name = name
            self.partitions = partitions
        }

        var handle: TopicHandle? {
            OpaquePointer(bitPattern: self.bits.load(ordering: .acquiring)).map {
                TopicHandle(pointer: $0, partitions: self.partitions)
            }
        }

        func open(in producer: OpaquePointer) -> TopicHandle? {
            self.opening.withLock { _ in
                if self.bits.load(ordering: .relaxed) == 0, let pointer = rd_kafka_topic_new(producer, self.name, nil) {
                    self.bits.store(UInt(bitPattern: pointer), ordering: .releasing)
                }
            }
            return self.handle
        }
    }

    /// - Parameter topics: Topics to be sent to, with their numbers of partitions; they too are opened when needed.
    package init(
        configuration: KafkaConfiguration, topics: [(name: String, partitions: Int32)] = [], logger: Logger
    ) throws(KafkaError) {
        let configuration = configuration.with(defaults: [
            "enable.idempotence": "true",
            // Java's partitioner, so that keys go where other clients of the topic put them.
            "partitioner": "murmur2_random",
            // The broker's word is waited for, however long it is away.
            "message.timeout.ms": "0",
        ])
        self.handle = try KafkaHandle(
            kind: .producer, configuration: configuration,
            events: RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS,
            logger: logger)
        self.known = topics.map { KnownTopic(name: $0.name, partitions: $0.partitions) }
    }

    /// Opens a topic that was not known from the start; the number of partitions bounds explicit ones.
    ///
    /// - Returns: For sending many records to it; nil when librdkafka will not have the name.
    @discardableResult
    package func open(_ name: String, partitions: Int32) -> TopicHandle? {
        self.topics.withLock { topics in
            if topics[name] != nil {
                topics[name]?.partitions = partitions
            } else if let pointer = rd_kafka_topic_new(self.handle.pointer, name, nil) {
                topics[name] = TopicHandle(pointer: pointer, partitions: partitions)
            }
            return topics[name]
        }
    }

    private func topic(_ name: String) -> TopicHandle? {
        for known in self.known where known.name == name {
            return known.handle ?? known.open(in: self.handle.pointer)
        }
        return self.topics.withLock { topics in
            if let topic = topics[name] { return topic }
            guard let pointer = rd_kafka_topic_new(self.handle.pointer, name, nil) else { return nil }
            let topic = TopicHandle(pointer: pointer, partitions: 0)
            topics[name] = topic
            return topic
        }
    }

    /// Queues a copy of the record.
    ///
    /// - Parameters:
    ///   - partition: The partition to use if the topic is known to have it; otherwise the key decides.
    ///   - opaque: Comes back with the delivery report; exactly one for each accepted record.
    /// - Throws: ``KafkaError``, with the code `queueFull` when there is no room now.
    package func send(
        _ record: borrowing OutgoingRecord, to topicName: String, partition: Int32, opaque: UnsafeMutableRawPointer?
    ) throws(KafkaError) {
        guard let topic = self.topic(topicName) else {
            throw KafkaError(code: .unknownTopic, message: "no topic handle for \(topicName)")
        }
        try self.send(record, to: topic, partition: partition, opaque: opaque)
    }

    /// The same for a topic that was opened.
    package func send(
        _ record: borrowing OutgoingRecord, to topic: TopicHandle, partition: Int32, opaque: UnsafeMutableRawPointer?
    ) throws(KafkaError) {
        let isKnown = partition >= 0 && partition < topic.partitions
        try self.queue(record, to: topic, partition: isKnown ? partition : RD_KAFKA_PARTITION_UA, opaque: opaque)
    }

    private func queue(
        _ record: borrowing OutgoingRecord, to topic: TopicHandle, partition: Int32, opaque: UnsafeMutableRawPointer?
    ) throws(KafkaError) {
        let (key, value) = (record.key, record.value)
        let failure = record.bytes.withUnsafeBytes { bytes -> OpaquePointer? in
            let headers = rd_kafka_headers_new(record.headers.count)
            for header in record.headers {
                let name = bytes.baseAddress! + Int(header.name.start)
                _ = rd_kafka_header_add(
                    headers, name.assumingMemoryBound(to: CChar.self), Int(header.name.count),
                    header.value.isNull ? nil : bytes.baseAddress! + Int(header.value.start),
                    Int(max(header.value.count, 0)))
            }
            func pointer(_ span: ByteSpan) -> UnsafeMutableRawPointer? {
                // An empty key or value is not null: librdkafka tells them apart by the pointer.
                span.isNull
                    ? nil
                    : UnsafeMutableRawPointer(mutating: (bytes.baseAddress ?? Self.nothing) + Int(span.start))
            }
            let units = (
                Self.topic(topic.pointer), Self.partition(partition),
                Self.memory(RD_KAFKA_VTYPE_KEY, pointer(key), key),
                Self.memory(RD_KAFKA_VTYPE_VALUE, pointer(value), value), Self.copying, Self.opaque(opaque),
                Self.headers(headers)
            )
            let error = withUnsafeBytes(of: units) {
                rd_kafka_produceva(self.handle.pointer, $0.assumingMemoryBound(to: rd_kafka_vu_t.self).baseAddress, 7)
            }
            if error != nil { rd_kafka_headers_destroy(headers) }
            return error
        }
        if let failure {
            let name = String(cString: rd_kafka_topic_name(topic.pointer))
            throw KafkaError(consuming: failure, doing: "cannot send to \(name)")
        }
    }

    /// Sends what was kept, where it was to go before.
    package func send(_ kept: KeptRecord) throws(KafkaError) {
        guard let topic = self.topic(kept.topic) else {
            throw KafkaError(code: .unknownTopic, message: "no topic handle for \(kept.topic)")
        }
        try self.queue(kept.record, to: topic, partition: kept.partition, opaque: kept.opaque)
    }

    private static nonisolated(unsafe) let nothing = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8))

    private static func topic(_ pointer: OpaquePointer) -> rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = RD_KAFKA_VTYPE_RKT
        unit.u.rkt = pointer
        return unit
    }

    private static func partition(_ partition: Int32) -> rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = RD_KAFKA_VTYPE_PARTITION
        unit.u.i32 = partition
        return unit
    }

    private static func memory(
        _ type: rd_kafka_vtype_t, _ pointer: UnsafeMutableRawPointer?, _ span: ByteSpan
    ) -> rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = type
        unit.u.mem.ptr = pointer
        unit.u.mem.size = Int(max(span.count, 0))
        return unit
    }

    private static var copying: rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = RD_KAFKA_VTYPE_MSGFLAGS
        unit.u.i = RD_KAFKA_MSG_F_COPY
        return unit
    }

    private static func opaque(_ pointer: UnsafeMutableRawPointer?) -> rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = RD_KAFKA_VTYPE_OPAQUE
        unit.u.ptr = pointer
        return unit
    }

    private static func headers(_ pointer: OpaquePointer?) -> rd_kafka_vu_t {
        var unit = rd_kafka_vu_t()
        unit.vtype = RD_KAFKA_VTYPE_HEADERS
        unit.u.headers = pointer
        return unit
    }

    // MARK: - Reports

    /// What becomes of an undelivered record.
    package enum Undelivered {
        case report
        /// Queued again, by this producer or another one, with the same bytes and opaque; kept when that one has no
        /// room, has failed for good or cannot find the topic.
        case resend(KafkaProducer)
        case keep
    }

    /// Waits for reports and errors, and hands each over.
    ///
    /// - Parameter namesTopics: Whether reports on delivered records carry their topic too.
    /// - Returns: The number of reports handed over.
    @discardableResult
    package func serve(
        milliseconds: Int, namesTopics: Bool = false,
        undelivered: (KafkaError.Code, String) -> Undelivered = { _, _ in .report },
        kept: (KeptRecord) -> Void = { _ in }, failed: (KafkaError) -> Void, _ report: (KafkaDelivery) -> Void
    ) -> Int {
        guard let event = rd_kafka_queue_poll(self.handle.queue, Int32(clamping: milliseconds)) else { return 0 }
        defer { rd_kafka_event_destroy(event) }
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_LOG: self.handle.log(event)
        case RD_KAFKA_EVENT_ERROR: failed(self.handle.error(of: event))
        case RD_KAFKA_EVENT_STATS: self.handle.statistics.record(String(cString: rd_kafka_event_stats(event)))
        case RD_KAFKA_EVENT_DR:
            var count = 0
            while let message = rd_kafka_event_message_next(event) {
                count += 1
                guard message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
                    report(
                        KafkaDelivery(
                            opaque: message.pointee._private, error: nil, partition: message.pointee.partition,
                            offset: message.pointee.offset, topic: namesTopics ? Self.topicName(message) : ""))
                    continue
                }
                var code = KafkaError.Code(message.pointee.err)
                let topic = Self.topicName(message)
                let result: Resent? =
                    switch undelivered(code, topic) {
                    case .report: nil
                    case .resend(let target): target.resend(message)
                    case .keep: .noRoom(Self.keep(message))
                    }
                switch result {
                case .queued:
                    self.handle.logger.debug("undelivered record queued again")
                    continue
                case .noRoom(let record):
                    kept(record)
                    continue
                case .refused(let cause): code = cause
                case nil: break
                }
                let isDropped = code == .purgedFromQueue || code == .purgedInFlight
                report(
                    KafkaDelivery(
                        opaque: message.pointee._private, error: code, topic: topic,
                        undelivered: isDropped ? nil : Self.copy(message)))
            }
            return count
        default: break
        }
        return 0
    }

    private static func topicName(_ message: UnsafePointer<rd_kafka_message_t>) -> String {
        message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
    }

    private enum Resent {
        case queued
        case noRoom(KeptRecord)
        case refused(KafkaError.Code)
    }

    /// Queues an undelivered message, of this producer or another one, again.
    ///
    /// One that the broker finds too large goes again with a note of its size for a value and a header that says so;
    /// it is refused when that was done before.
    private func resend(_ message: UnsafePointer<rd_kafka_message_t>) -> Resent {
        var kept = Self.keep(message)
        if message.pointee.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, !kept.record.truncateValue() {
            return .refused(.messageTooLarge)
        }
        do throws(KafkaError) {
            try self.send(kept)
            return .queued
        } catch {
            return error.isForNow || error.code.saysTopicIsMissing ? .noRoom(kept) : .refused(error.code)
        }
    }

    /// The message with where it was to go, for later.
    private static func keep(_ message: UnsafePointer<rd_kafka_message_t>) -> KeptRecord {
        KeptRecord(
            record: self.copy(message), topic: self.topicName(message), partition: message.pointee.partition,
            opaque: message.pointee._private)
    }

    /// The message's bytes: nothing of it is kept.
    private static func copy(_ message: UnsafePointer<rd_kafka_message_t>) -> OutgoingRecord {
        var record = OutgoingRecord()
        if let key = message.pointee.key {
            record.setKey(UnsafeRawBufferPointer(start: key, count: message.pointee.key_len))
        }
        var headers: OpaquePointer?
        if rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            for index in 0..<rd_kafka_header_cnt(headers) {
                guard rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
                    let name
                else { break }
                record.addHeader(
                    name: UnsafeRawBufferPointer(start: name, count: strlen(name)),
                    value: value.map { UnsafeRawBufferPointer(start: $0, count: size) })
            }
        }
        if let payload = message.pointee.payload {
            record.setValue(UnsafeRawBufferPointer(start: payload, count: message.pointee.len))
        }
        return record
    }

    /// Records queued or on their way.
    package var outstanding: Int { Int(rd_kafka_outq_len(self.handle.pointer)) }

    /// Makes what is queued leave without lingering; reports must be served meanwhile.
    package func flush(milliseconds: Int) { rd_kafka_flush(self.handle.pointer, Int32(clamping: milliseconds)) }

    /// Asks a broker for something small, at most so long. Blocks.
    ///
    /// Brokers whose sockets wait for acknowledgements, as the embedded one's do, hold the last of several small answers
    /// back for some 40 ms, unless the client sends something.
    ///
    /// - Returns: Whether the answer came in time.
    package func nudge(milliseconds: Int) -> Bool {
        var result: UnsafePointer<rd_kafka_metadata>?
        rd_kafka_metadata(self.handle.pointer, 0, nil, &result, Int32(clamping: milliseconds))
        guard let result else { return false }
        rd_kafka_metadata_destroy(result)
        return true
    }

    /// Drops what is queued and on its way; each gets its report.
    package func purge() {
        self.handle.whileAlive {
            rd_kafka_purge(self.handle.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        }
    }

    package func wake() { self.handle.wake() }

    package var metadata: KafkaMetadata { KafkaMetadata(handle: self.handle) }

    /// Frees everything; nobody else may be using the producer.
    package func close() {
        for topic in self.known { if let handle = topic.handle { rd_kafka_topic_destroy(handle.pointer) } }
        self.topics.withLock { topics in
            for topic in topics.values { rd_kafka_topic_destroy(topic.pointer) }
            topics.removeAll()
        }
        self.handle.destroy()
    }
}
