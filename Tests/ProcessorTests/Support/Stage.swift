import Commands
import Logging

@testable import Processor

/// A dispatcher with partitions and commands, driven by hand.
final class Stage {
    var dispatcher: Dispatcher
    let domain: ProcessedDomain
    private let surroundings = ContextSurroundings(domain: "test", worker: "w", logger: Logger(label: "test"))
    private var offsets: [TopicPartition: Int64] = [:]

    init(_ settings: EngineSettings = .testing()) throws {
        self.dispatcher = Dispatcher(settings: settings)
        self.domain = ProcessedDomain(
            names: "test", registry: try Handlers().registry(), tiers: [RetryTier(name: "5s")!])
    }

    @discardableResult
    func assign(_ partition: Int32 = 0, topic: String = "test.commands") -> PartitionSlot {
        let place = TopicPartition(topic, partition)
        let slot = PartitionSlot(
            partition: place, domain: self.domain, epoch: self.dispatcher.nextEpoch(),
            progress: PartitionProgress(base: self.offsets[place] ?? 0), surroundings: self.surroundings)
        self.dispatcher.assign(slot)
        return slot
    }

    /// Takes the partition's next record in.
    @discardableResult
    func accept(_ slot: PartitionSlot, lane: UInt64?, due: Int64 = 0, bytes: Int = 10) -> Work {
        let offset = self.offsets[slot.partition] ?? 0
        self.offsets[slot.partition] = offset + 1
        let record = Record(
            topic: slot.partition.topic, partition: slot.partition.partition, offset: offset,
            value: [UInt8](repeating: 0x20, count: bytes))
        let work = Work(record: record, slot: slot, receivedAt: 0, laneID: lane)
        work.due = due
        self.dispatcher.accept(work)
        return work
    }

    /// Takes the next command and begins an attempt.
    func take() -> Work? {
        let work = self.dispatcher.take()
        work?.attemptsHere += 1
        return work
    }

    func settle(_ work: Work, success: Bool = true) { self.dispatcher.settled(work, plainSuccess: success) }

    @discardableResult
    func acknowledge(_ work: Work) -> Bool { self.dispatcher.acknowledged(work) != nil }

    func retryInPlace(_ work: Work, due: Int64) {
        work.due = due
        self.dispatcher.retryInPlace(work, memo: nil)
    }

    /// What the engine does with commands that go to a retry topic because their place here ends.
    func park(_ works: [Work]) {
        for work in works {
            guard work.slot.state != .gone else {
                self.dispatcher.drop(work)
                continue
            }
            self.dispatcher.settled(work, plainSuccess: false, wasRunning: false)
        }
    }
}
