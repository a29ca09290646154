import Commands
import Foundation
import Processor
import Synchronization

/// A group member in memory. Tests hand it partitions, take them away, and decide how commits end.
///
/// `@unchecked Sendable`: everything is guarded by the condition's lock.
final class MemorySource: CommandSource, @unchecked Sendable {
    enum CommitMode { case succeed, failLater, refuse }

    let broker: MemoryBroker
    /// What happened, for tests to wait on.
    let log = Watched(Log())

    struct Log: Sendable {
        var begun: [TopicPartition] = []
        var released: [TopicPartition] = []
        var paused: Set<TopicPartition> = []
        var everPaused: Set<TopicPartition> = []
        var delivered = 0
        var polls = 0
        var commitFailures = 0
        /// Paused partitions whose ends were asked for.
        var endsAsked: [TopicPartition] = []
        var isClosed = false
    }

    private let condition = NSCondition()
    private var positions: [TopicPartition: Int] = [:]
    private var events: [SourceEvent] = []
    private var isWoken = false
    private var mode = CommitMode.succeed
    private var isCut = false
    private var batchLimit = Int.max

    init(broker: MemoryBroker) { self.broker = broker }

    // MARK: - For tests

    func post(_ event: SourceEvent) { self.locked { self.events.append(event) } }
    func setCommitMode(_ mode: CommitMode) { self.locked { self.mode = mode } }
    func setBatchLimit(_ limit: Int) { self.locked { self.batchLimit = limit } }

    /// What a reset of the offset does.
    func jump(_ partition: TopicPartition, to position: Int) { self.locked { self.positions[partition] = position } }

    /// The process is gone as far as the broker knows: nothing arrives, nothing is committed.
    func cut() { self.locked { self.isCut = true } }

    private func locked(_ body: () -> Void) {
        self.condition.lock()
        body()
        self.condition.unlock()
        self.condition.broadcast()
    }

    // MARK: - CommandSource

    func poll(milliseconds: Int, limit: PollLimit, into batch: inout SourceBatch) {
        self.condition.lock()
        self.take(limit, into: &batch)
        if batch.records.isEmpty, batch.event == nil, !self.isWoken {
            // Never the whole time that was asked for: the tests' clocks stand still.
            _ = self.condition.wait(until: Date(timeIntervalSinceNow: 0.002))
            self.take(limit, into: &batch)
        }
        self.isWoken = false
        self.condition.unlock()
        let count = batch.records.count
        self.log.update {
            $0.polls += 1
            $0.delivered += count
        }
    }

    private func take(_ limit: PollLimit, into batch: inout SourceBatch) {
        guard !self.isCut else { return }
        let paused = self.log.read { $0.paused }
        var room = min(limit.records, self.batchLimit) - batch.records.count
        var bytes = limit.bytes
        for (place, position) in self.positions where !paused.contains(place) {
            let records = self.broker.state.read { state -> [Record] in
                guard let log = state.logs[place], position < log.count else { return [] }
                var end = position
                while end < log.count, room > 0, bytes > 0 {
                    room -= 1
                    bytes -= log[end].bytes.count
                    end += 1
                }
                return Array(log[position..<end])
            }
            batch.records.append(contentsOf: records)
            self.positions[place] = position + records.count
        }
        if !self.events.isEmpty { batch.event = self.events.removeFirst() }
    }

    func committed(_ partitions: [TopicPartition]) throws -> [CommittedOffset] {
        let committed = self.broker.state.read { $0.committed }
        return partitions.map {
            CommittedOffset(partition: $0, offset: committed[$0]?.offset, metadata: committed[$0]?.metadata)
        }
    }

    func begin(_ partitions: [(partition: TopicPartition, offset: Int64?)]) throws {
        let logs = self.broker.state.value.logs
        self.locked {
            for (place, offset) in partitions {
                let log = logs[place] ?? []
                self.positions[place] = log.firstIndex { $0.offset >= offset ?? 0 } ?? log.count
            }
        }
        self.log.update { $0.begun += partitions.map(\.partition) }
    }

    func release(_ partitions: [TopicPartition]) throws {
        self.locked { for place in partitions { self.positions[place] = nil } }
        self.log.update {
            $0.released += partitions
            $0.paused.subtract(partitions)
        }
    }

    func pause(_ partitions: [TopicPartition]) {
        self.log.update {
            $0.paused.formUnion(partitions)
            $0.everPaused.formUnion(partitions)
        }
    }

    func resume(_ partitions: [TopicPartition]) { self.log.update { $0.paused.subtract(partitions) } }

    func commit(_ offsets: [OffsetCommit], waiting milliseconds: Int?) throws {
        self.condition.lock()
        let (mode, isCut) = (self.mode, self.isCut)
        self.condition.unlock()
        guard !isCut else { return }
        let failure = SourceFailure(kind: .other, message: "the coordinator is away", isFatal: false)
        switch mode {
        case .refuse:
            self.log.update { $0.commitFailures += 1 }
            throw failure
        case .failLater:
            self.log.update { $0.commitFailures += 1 }
            if milliseconds != nil { throw failure }
            self.post(.committed(offsets.map(\.partition), failure: failure))
        case .succeed:
            self.broker.state.update { state in
                for commit in offsets { state.committed[commit.partition] = commit }
                state.commits += offsets
            }
            if milliseconds == nil { self.post(.committed(offsets.map(\.partition), failure: nil)) }
        }
    }

    func end(of partition: TopicPartition, isPaused: Bool) -> Int64? {
        if isPaused { self.log.update { $0.endsAsked.append(partition) } }
        return self.broker.state.read { $0.logs[partition]?.last.map { $0.offset + 1 } }
    }

    func wake() { self.locked { self.isWoken = true } }

    func close(milliseconds: Int) { self.log.update { $0.isClosed = true } }
}
