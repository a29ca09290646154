import CRDKafka
import Foundation
import Synchronization

/// Keeps librdkafka fetching at full speed with a small prefetch queue.
///
/// Before 2.2 a broker thread that found the queue full sleeps up to a second, also when the queue has long run dry; any
/// request to that broker wakes it. When the queue was rather full and has become low, this thread asks each leader for a
/// partition's end. It does so only then: a request beside a waiting fetch can hold up the fetch's answer, since a broker
/// whose sockets wait for acknowledgements sends the second of two small answers some 40 ms late. From 2.2 on
/// `fetch.queue.backoff.ms` does the same, and no thread runs.
final class FetchWaker: Sendable {
    /// Whether the linked library needs it.
    static var isNeeded: Bool { rd_kafka_version() < 0x0202_00ff }

    private let handle: KafkaHandle
    private let recordLimit: Int
    private let byteLimit: Int
    private let recordBytes = Atomic<Int>(1)
    /// The queue was half full or more since the leaders were last woken.
    private let wasFull = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    private let partitions = Mutex<[KafkaPartition]>([])
    private let wakeUp = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - recordLimit: Records in the queue from which on librdkafka stops fetching.
    ///   - byteLimit: Bytes in it from which on it does.
    init(handle: KafkaHandle, recordLimit: Int, byteLimit: Int) {
        self.handle = handle
        self.recordLimit = recordLimit
        self.byteLimit = byteLimit
        let thread = Thread { [self] in self.loop() }
        thread.name = "adj-waker"
        thread.stackSize = 256 << 10
        thread.start()
    }

    /// One partition of each leader among those being read.
    func watch(_ partitions: [KafkaPartition]) { self.partitions.withLock { $0 = partitions } }

    /// Records were taken from the queue.
    func noteTaken(_ count: Int, bytes: Int) {
        self.recordBytes.store(max(1, bytes / count), ordering: .relaxed)
        guard !self.isLow(besides: count), !self.wasFull.exchange(true, ordering: .relaxed) else { return }
        self.wakeUp.signal()
    }

    func stop() {
        self.isStopping.store(true, ordering: .relaxed)
        self.wakeUp.signal()
        self.ended.wait()
    }

    /// Less than half of what may be in the queue; the library tells the number of records only.
    private func isLow(besides taken: Int = 0) -> Bool {
        let count = Int(rd_kafka_queue_length(self.handle.queue)) + taken
        return count < max(1, self.recordLimit / 2)
            && count * self.recordBytes.load(ordering: .relaxed) < self.byteLimit / 2
    }

    private func loop() {
        while true {
            self.wakeUp.wait()
            while self.wasFull.load(ordering: .relaxed), !self.isStopping.load(ordering: .relaxed) {
                Thread.sleep(forTimeInterval: 0.01)
                guard self.isLow() else { continue }
                // First, so that a queue that fills up meanwhile counts anew.
                self.wasFull.store(false, ordering: .relaxed)
                self.wakeLeaders()
            }
            if self.isStopping.load(ordering: .relaxed) { break }
        }
        self.ended.signal()
    }

    private func wakeLeaders() {
        for partition in self.partitions.withLock({ $0 }) {
            var low: Int64 = 0
            var high: Int64 = 0
            rd_kafka_query_watermark_offsets(
                self.handle.pointer, partition.topic, partition.partition, &low, &high, 200)
        }
    }
}
