import CRDKafka
import Commands
import Dispatch
import Foundation
import Logging
import Synchronization

/// What a poll can bring besides records.
package enum KafkaConsumerEvent: Sendable {
    /// The group assigns partitions; nothing is fetched before ``KafkaConsumer/assign(_:)``.
    case assigned([KafkaPartition])
    /// The group takes partitions away; it waits for ``KafkaConsumer/unassign(_:)``.
    case revoked([KafkaPartition], isLost: Bool)
    case committed([KafkaPartition], KafkaError?)
    /// There is nothing more in the partition for now; comes only with `enable.partition.eof`.
    case reachedEnd(KafkaPartition)
    case failed(KafkaError)
}

/// A member of a consumer group. One thread polls it and answers its events; ``wake()`` is for any thread.
///
/// Rebalances come as events, answered when the owner is ready: the group waits for the answer. Records come one at a
/// time, as librdkafka 2.0's batch calls lose some round pauses and rebalances.
package final class KafkaConsumer: Sendable {
    private let handle: KafkaHandle
    private let reader = RecordReader()
    private let waker: FetchWaker?
    private let assigned = Mutex<Set<KafkaPartition>>([])
    /// What ``pause(_:)`` was called for and ``resume(_:)`` not; librdkafka does not tell.
    private let paused = Mutex<Set<KafkaPartition>>([])

    /// - Parameter configuration: `bootstrap.servers` and `group.id` at least; commits are explicit whatever it says.
    package init(configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        var configuration = configuration.with(defaults: [
            "auto.offset.reset": "error", "enable.partition.eof": "false",
            "partition.assignment.strategy": "range,roundrobin",
        ])
        if !FetchWaker.isNeeded {
            configuration = configuration.with(defaults: ["fetch.queue.backoff.ms": "10"])
        }
        configuration["enable.auto.commit"] = "false"
        configuration["enable.auto.offset.store"] = "false"
        self.handle = try KafkaHandle(
            kind: .consumer, configuration: configuration,
            events: RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT
                | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS,
            logger: logger)
        let records = configuration["queued.min.messages"].flatMap { Int($0) } ?? 100_000
        let kilobytes = configuration["queued.max.messages.kbytes"].flatMap { Int($0) } ?? 65_536
        self.waker =
            FetchWaker.isNeeded
            ? FetchWaker(handle: self.handle, recordLimit: records, byteLimit: kilobytes * 1024) : nil
    }

    package func subscribe(_ topics: [String]) throws(KafkaError) {
        let code = PartitionList.with(topics.map { KafkaPartition(topic: $0, partition: -1) }) {
            rd_kafka_subscribe(self.handle.pointer, $0)
        }
        try KafkaError.check(code, doing: "cannot subscribe")
    }

    /// Waits for the first thing to arrive, then takes what is there, up to the first event: at most `limit` records, and
    /// none once `byteLimit` is reached.
    package func poll(
        milliseconds: Int, limit: Int, bytes byteLimit: Int = .max, into records: inout [Record]
    ) -> KafkaConsumerEvent? {
        var wait = Int32(clamping: milliseconds)
        var taken = 0
        var bytes = 0
        defer { if taken > 0 { self.waker?.noteTaken(taken, bytes: bytes) } }
        while taken < limit, bytes < byteLimit {
            guard let event = rd_kafka_queue_poll(self.handle.queue, wait) else { return nil }
            defer { rd_kafka_event_destroy(event) }
            let type = rd_kafka_event_type(event)
            if type == RD_KAFKA_EVENT_FETCH {
                while let message = rd_kafka_event_message_next(event) {
                    if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                        let record = self.reader.record(UnsafeMutablePointer(mutating: message))
                        bytes += record.bytes.count
                        taken += 1
                        records.append(record)
                    } else if message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF {
                        return .reachedEnd(Self.place(of: message))
                    } else {
                        return .failed(Self.failure(of: message))
                    }
                }
                wait = 0
            } else if let result = self.event(event, type: type) {
                return result
            }
        }
        return nil
    }

    private static func place(of message: UnsafePointer<rd_kafka_message_t>) -> KafkaPartition {
        KafkaPartition(
            topic: message.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? "",
            partition: message.pointee.partition, offset: message.pointee.offset)
    }

    private static func failure(of message: UnsafePointer<rd_kafka_message_t>) -> KafkaError {
        let place = Self.place(of: message)
        return KafkaError(
            message.pointee.err, doing: "reading \(place.topic)/\(place.partition)",
            detail: String(cString: rd_kafka_message_errstr(message)))
    }

    private func event(_ event: OpaquePointer, type: rd_kafka_event_type_t) -> KafkaConsumerEvent? {
        switch type {
        case RD_KAFKA_EVENT_LOG:
            self.handle.log(event)
            return nil
        case RD_KAFKA_EVENT_ERROR:
            var error = self.handle.error(of: event)
            // Errors of one partition do not name it in their text.
            if let place = rd_kafka_event_topic_partition(event) {
                error.message = "\(String(cString: place.pointee.topic))/\(place.pointee.partition): \(error.message)"
                rd_kafka_topic_partition_destroy(place)
            }
            return .failed(error)
        case RD_KAFKA_EVENT_STATS:
            self.handle.statistics.record(String(cString: rd_kafka_event_stats(event)))
            return nil
        case RD_KAFKA_EVENT_REBALANCE:
            let partitions = PartitionList.read(rd_kafka_event_topic_partition_list(event)).map(\.0)
            if rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { return .assigned(partitions) }
            return .revoked(partitions, isLost: rd_kafka_assignment_lost(self.handle.pointer) != 0)
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            let code = rd_kafka_event_error(event)
            guard let list = rd_kafka_event_topic_partition_list(event) else { return nil }
            let entries = PartitionList.read(list)
            let failed = entries.first { $0.1.rawValue != 0 }?.1
            var failure: KafkaError?
            if code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET {
                failure = KafkaError(code, doing: "commit")
            } else if let failed {
                failure = KafkaError(code: failed, message: "commit: \(failed.text)")
            }
            return .committed(entries.map(\.0), failure)
        default: return nil
        }
    }

    // MARK: - Assignment

    private var isCooperative: Bool {
        rd_kafka_rebalance_protocol(self.handle.pointer).map { String(cString: $0) == "COOPERATIVE" } ?? false
    }

    /// Answers an assignment: starts to fetch at the offsets given.
    package func assign(_ partitions: [KafkaPartition]) throws(KafkaError) {
        try PartitionList.with(partitions) { (list) throws(KafkaError) in
            if self.isCooperative {
                if let error = rd_kafka_incremental_assign(self.handle.pointer, list) {
                    throw KafkaError(consuming: error, doing: "cannot take partitions on")
                }
            } else {
                try KafkaError.check(rd_kafka_assign(self.handle.pointer, list), doing: "cannot take partitions on")
            }
        }
        self.watch { $0.formUnion(partitions.map(\.place)) }
    }

    /// Tells the waker which leaders there are to keep awake. Blocks a little.
    private func watch(_ change: (inout Set<KafkaPartition>) -> Void) {
        guard let waker = self.waker else { return }
        let partitions = self.assigned.withLock { assigned in
            change(&assigned)
            return assigned
        }
        waker.watch(self.metadata.onePerLeader(partitions, milliseconds: 2000))
    }

    /// Answers a revoke. The partitions' pauses end.
    ///
    /// For librdkafka a pause outlives the assignment: a partition that comes back later would be fetched no more. They
    /// are ended before, not after it comes back: a pause or its end right behind an assignment can undo the
    /// assignment's start of fetching.
    package func unassign(_ partitions: [KafkaPartition]) throws(KafkaError) {
        let isCooperative = self.isCooperative
        let paused = self.paused.withLock { paused in
            isCooperative ? paused.intersection(partitions.map(\.place)) : paused
        }
        if !paused.isEmpty { self.resume(Array(paused)) }
        try PartitionList.with(partitions) { (list) throws(KafkaError) in
            if isCooperative {
                if let error = rd_kafka_incremental_unassign(self.handle.pointer, list) {
                    throw KafkaError(consuming: error, doing: "cannot give partitions up")
                }
            } else {
                try KafkaError.check(rd_kafka_assign(self.handle.pointer, nil), doing: "cannot give partitions up")
            }
        }
        self.watch { $0.subtract(partitions.map(\.place)) }
    }

    package func pause(_ partitions: [KafkaPartition]) {
        self.paused.withLock { $0.formUnion(partitions.map(\.place)) }
        _ = PartitionList.with(partitions) { rd_kafka_pause_partitions(self.handle.pointer, $0) }
    }

    /// Only for partitions that are paused: librdkafka before 2.4 may jump back otherwise.
    package func resume(_ partitions: [KafkaPartition]) {
        self.paused.withLock { $0.subtract(partitions.map(\.place)) }
        _ = PartitionList.with(partitions) { rd_kafka_resume_partitions(self.handle.pointer, $0) }
    }

    // MARK: - Offsets

    /// The group's committed offsets with their metadata. Blocks.
    package func committed(_ partitions: [KafkaPartition], milliseconds: Int) throws(KafkaError) -> [KafkaPartition] {
        try PartitionList.with(partitions) { (list) throws(KafkaError) in
            try KafkaError.check(
                rd_kafka_committed(self.handle.pointer, list, Int32(clamping: milliseconds)),
                doing: "cannot read the group's offsets")
            return try PartitionList.read(list).map { (partition, code) throws(KafkaError) in
                guard code.rawValue == 0 else {
                    throw KafkaError(
                        code: code, message: "cannot read the group's offset of \(partition.topic): \(code.text)")
                }
                return partition
            }
        }
    }

    /// Commits; the result arrives as an event.
    package func commit(_ partitions: [KafkaPartition]) throws(KafkaError) {
        let code = PartitionList.with(partitions) {
            rd_kafka_commit_queue(self.handle.pointer, $0, self.handle.queue, nil, nil)
        }
        try KafkaError.check(code, doing: "cannot commit")
    }

    /// Commits and waits for the result, at most so long. Blocks.
    ///
    /// librdkafka's own call waits for a coordinator as long as the session timeout. A result that comes too late is
    /// dropped with the queue it was meant for.
    package func commitAndWait(_ partitions: [KafkaPartition], milliseconds: Int = 30_000) throws(KafkaError) {
        guard let queue = rd_kafka_queue_new(self.handle.pointer) else {
            throw KafkaError(code: .timedOut, message: "cannot commit: no queue for the answer")
        }
        defer { rd_kafka_queue_destroy(queue) }
        let code = PartitionList.with(partitions) {
            rd_kafka_commit_queue(self.handle.pointer, $0, queue, nil, nil)
        }
        try KafkaError.check(code, doing: "cannot commit")
        guard let event = rd_kafka_queue_poll(queue, Int32(clamping: milliseconds)) else {
            throw KafkaError(code: .timedOut, message: "cannot commit: no answer within \(milliseconds) ms")
        }
        defer { rd_kafka_event_destroy(event) }
        let failure = rd_kafka_event_error(event)
        guard failure != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
        try KafkaError.check(failure, doing: "cannot commit")
        let entries = rd_kafka_event_topic_partition_list(event).map { PartitionList.read($0) } ?? []
        if let failed = entries.first(where: { $0.1.rawValue != 0 })?.1 {
            throw KafkaError(code: failed, message: "cannot commit: \(failed.text)")
        }
    }

    /// The first offset and the one after the last, asked of the broker. Blocks.
    package func watermarks(
        topic: String, partition: Int32, milliseconds: Int
    ) throws(KafkaError) -> (low: Int64, high: Int64) {
        var low: Int64 = 0
        var high: Int64 = 0
        try KafkaError.check(
            rd_kafka_query_watermark_offsets(
                self.handle.pointer, topic, partition, &low, &high, Int32(clamping: milliseconds)),
            doing: "cannot ask for the offsets of \(topic)/\(partition)")
        return (low, high)
    }

    /// The same of all partitions of a topic, in one request for each leader and end. Blocks.
    ///
    /// Asked for one by one, the second of a partition's two answers may come late: see ``FetchWaker``.
    package func watermarks(
        topic: String, partitions: Int32, milliseconds: Int
    ) throws(KafkaError) -> [(low: Int64, high: Int64)] {
        let lows = try self.offsets(topic, partitions, KafkaPartition.beginning, milliseconds)
        let highs = try self.offsets(topic, partitions, KafkaPartition.end, milliseconds)
        return zip(lows, highs).map { ($0, $1) }
    }

    /// Kafka's request for the offset of a time takes the logical offsets for times, too.
    private func offsets(
        _ topic: String, _ count: Int32, _ logical: Int64, _ milliseconds: Int
    ) throws(KafkaError) -> [Int64] {
        guard count > 0 else { return [] }
        let wanted = (0..<count).map { KafkaPartition(topic: topic, partition: $0, offset: logical) }
        return try PartitionList.with(wanted) { (list) throws(KafkaError) in
            let action = "cannot ask for the offsets of \(topic)"
            try KafkaError.check(
                rd_kafka_offsets_for_times(self.handle.pointer, list, Int32(clamping: milliseconds)), doing: action)
            return try PartitionList.read(list).map { (partition, code) throws(KafkaError) in
                guard code.rawValue == 0, partition.offset >= 0 else {
                    throw KafkaError(code: code, message: "\(action)/\(partition.partition): \(code.text)")
                }
                return partition.offset
            }
        }
    }

    /// The offset after the last record as the last fetch told it; asked of the broker when `asking`, since librdkafka
    /// learns nothing of paused partitions. Nil when it is not known.
    package func end(topic: String, partition: Int32, asking: Bool) -> Int64? {
        if asking { return (try? self.watermarks(topic: topic, partition: partition, milliseconds: 200))?.high }
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_get_watermark_offsets(self.handle.pointer, topic, partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// Makes a waiting ``poll(milliseconds:limit:into:)`` return.
    package func wake() { self.handle.wake() }

    /// Leaves the group and frees everything. Blocks; the last rebalance is answered here.
    ///
    /// librdkafka waits without limit for the answer to a rebalance it has announced, and for requests under way. Hence
    /// the answer is given again every second, and what takes longer than the limit is left to the end of the process:
    /// the group then waits for the session's end.
    ///
    /// - Returns: Whether it closed in time.
    @discardableResult
    package func close(milliseconds: Int = 10_000) -> Bool {
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            self.leave()
            done.signal()
        }
        thread.name = "adj-closing"
        thread.stackSize = 512 << 10
        thread.start()
        return done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success
    }

    private func leave() {
        self.waker?.stop()
        if let error = rd_kafka_consumer_close_queue(self.handle.pointer, self.handle.queue) {
            rd_kafka_error_destroy(error)
        } else {
            var waited = 0
            while rd_kafka_consumer_closed(self.handle.pointer) == 0 {
                guard let event = rd_kafka_queue_poll(self.handle.queue, 100) else {
                    waited += 1
                    if waited % 10 == 0 { rd_kafka_assign(self.handle.pointer, nil) }
                    continue
                }
                if rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
                    if self.isCooperative, let list = rd_kafka_event_topic_partition_list(event) {
                        if let error = rd_kafka_incremental_unassign(self.handle.pointer, list) {
                            rd_kafka_error_destroy(error)
                        }
                    } else {
                        rd_kafka_assign(self.handle.pointer, nil)
                    }
                }
                rd_kafka_event_destroy(event)
            }
        }
        self.handle.destroy()
    }
}

extension KafkaConsumer {
    /// Reads partitions outside any group, from the offsets given.
    package func assignManually(_ partitions: [KafkaPartition]) throws(KafkaError) {
        let code = PartitionList.with(partitions) { rd_kafka_assign(self.handle.pointer, $0) }
        try KafkaError.check(code, doing: "cannot read partitions")
    }

    /// Keeps what is read outside a group coming at full speed while the queue is full now and then. Blocks a little.
    package func keepFetching(_ partitions: [KafkaPartition]) {
        self.watch { $0.formUnion(partitions.map(\.place)) }
    }

    package var metadata: KafkaMetadata { KafkaMetadata(handle: self.handle) }
}

extension KafkaPartition {
    /// The partition alone, without an offset.
    fileprivate var place: KafkaPartition { KafkaPartition(topic: self.topic, partition: self.partition) }
}
