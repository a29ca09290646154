import CRDKafka
import Foundation
import Synchronization

/// Keeps librdkafka fetching at full speed with a small prefetch queue.
///
/// Before 2.2 a broker thread that found the queue full sleeps up to a second, also when the queue has long run dry; any
/// request to that broker wakes it. While records are being taken and the queue is low, this thread asks each leader
/// for a partition's end every few milliseconds. From 2.2 on `fetch.queue.backoff.ms` does the same, and no thread runs.
final class FetchWaker: Sendable {
    /// Whether the linked library needs it.
    static var isNeeded: Bool { rd_kafka_version() < 0x0202_00ff }

    private struct State {
        var partitions: [KafkaPartition] = []
        var isStopping = false
    }

    private let handle: KafkaHandle
    private let lowWater: Int
    private let taken = Atomic<Int>(0)
    private let isIdle = Atomic<Bool>(false)
    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter lowWater: Records in the queue below which fetching must go on.
    init(handle: KafkaHandle, lowWater: Int) {
        self.handle = handle
        self.lowWater = lowWater
        let thread = Thread { [self] in self.loop() }
        thread.stackSize = 256 << 10
        thread.start()
    }

    /// One partition of each leader among those being read.
    func watch(_ partitions: [KafkaPartition]) { self.state.withLock { $0.partitions = partitions } }

    /// Records were taken: ends the sleep of an idle waker.
    func noteTaken(_ count: Int) {
        self.taken.add(count, ordering: .relaxed)
        if self.isIdle.load(ordering: .relaxed), self.isIdle.exchange(false, ordering: .relaxed) {
            self.wakeUp.signal()
        }
    }

    func stop() {
        self.state.withLock { $0.isStopping = true }
        self.wakeUp.signal()
        self.ended.wait()
    }

    private func loop() {
        var seen = 0
        while true {
            let state = self.state.withLock { $0 }
            if state.isStopping { break }
            let now = self.taken.load(ordering: .relaxed)
            if now == seen {
                // Nothing was taken for a while: sleep until something is.
                self.isIdle.store(true, ordering: .relaxed)
                _ = self.wakeUp.wait(timeout: .now() + 1)
                continue
            }
            seen = now
            if rd_kafka_queue_length(self.handle.queue) < self.lowWater {
                for partition in state.partitions {
                    var low: Int64 = 0
                    var high: Int64 = 0
                    rd_kafka_query_watermark_offsets(
                        self.handle.pointer, partition.topic, partition.partition, &low, &high, 200)
                }
            }
            Thread.sleep(forTimeInterval: 0.01)
        }
        self.ended.signal()
    }
}
