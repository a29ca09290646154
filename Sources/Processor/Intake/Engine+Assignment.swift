import Commands
import Foundation
import Logging
import Synchronization

extension Engine {
    /// Takes newly assigned partitions on: from the committed offset, past what the commit's metadata says is done.
    func assign(_ partitions: [TopicPartition]) {
        do {
            guard let committed = try self.committedOffsets(of: partitions) else { return }
            var starts: [(partition: TopicPartition, offset: Int64?)] = []
            self.dispatcher.withLock { dispatcher in
                for entry in committed {
                    guard let domain = self.domain(of: entry.partition.topic) else { continue }
                    let metadata = self.metadata(entry)
                    let slot = PartitionSlot(
                        partition: entry.partition, domain: domain, epoch: dispatcher.nextEpoch(),
                        progress: PartitionProgress(base: entry.offset ?? 0, completed: metadata.completed),
                        surroundings: self.surroundings[domain.names]!)
                    slot.memos = metadata.memos
                    if entry.offset == nil { slot.progress.startAnywhere() }
                    dispatcher.assign(slot)
                    starts.append((entry.partition, entry.offset))
                }
            }
            try self.source.begin(starts)
            self.logger.info("partitions assigned", metadata: ["count": "\(partitions.count)"])
        } catch let failure as SourceFailure {
            self.fail(failure)
        } catch {
            self.fail(SourceFailure(kind: .other, message: "assignment failed: \(error)", isFatal: true))
        }
    }

    /// Asks for the group's offsets until the coordinator answers: it may be moving or loading. The group waits for our
    /// answer meanwhile; nil when the engine is to stop.
    private func committedOffsets(of partitions: [TopicPartition]) throws -> [CommittedOffset]? {
        guard !partitions.isEmpty else { return [] }
        while true {
            do {
                return try self.source.committed(partitions)
            } catch let failure as SourceFailure where !failure.isFatal && failure.kind != .missing {
                guard !self.control.withLock({ $0.stopRequested }) else { return nil }
                self.logger.warning("the group's offsets cannot be read yet", metadata: ["error": "\(failure)"])
                Thread.sleep(forTimeInterval: 0.2)
            }
        }
    }

    private func metadata(_ entry: CommittedOffset) -> CommitMetadata {
        guard let offset = entry.offset, let text = entry.metadata, !text.isEmpty else { return CommitMetadata() }
        if let metadata = CommitMetadata(text: text, base: offset) { return metadata }
        self.logger.warning(
            "the commit's metadata is not Adjutant's or is damaged: nothing above the offset counts as done",
            metadata: ["partition": "\(entry.partition)", "bytes": "\(text.utf8.count)"])
        return CommitMetadata()
    }

    func domain(of topic: String) -> ProcessedDomain? {
        self.domains.first { $0.inputTopics.contains(topic) }
    }

    /// Stops taking from revoked partitions. What runs may finish; ``advanceRevoke(now:_:)`` sees it through.
    func startRevoke(_ partitions: [TopicPartition], lost: Bool, _ state: inout IntakeState) {
        let tried = self.dispatcher.withLock { $0.revoke(partitions, lost: lost) }
        self.logger.info(
            lost ? "partitions lost" : "partitions revoked",
            metadata: ["count": "\(partitions.count)", "waiting": "\(tried.count)"])
        for work in tried { self.parkForRetry(work) }
        // What was let go of may have given its lane's turn to a command of another partition.
        self.executor.nudge()
        if lost {
            self.finishRevoke(partitions, commits: false, &state)
        } else {
            let deadline = self.clock.monotonic() + self.settings.revokeGrace.wholeMicroseconds
            state.revoking = (partitions, deadline)
            self.sink.flushSoon()
        }
    }

    /// Ends a revoke once nothing of its partitions runs or is on its way, or its time is up.
    func advanceRevoke(now: Int64, _ state: inout IntakeState) {
        guard let (partitions, deadline) = state.revoking else { return }
        let (tried, isQuiet) = self.dispatcher.withLock { dispatcher in
            (dispatcher.takeTriedOfEndingSlots(), dispatcher.isQuiet(partitions))
        }
        for work in tried { self.parkForRetry(work) }
        guard (isQuiet && tried.isEmpty) || now >= deadline else { return }
        if !isQuiet { self.logger.warning("giving up partitions while commands of them still run") }
        self.finishRevoke(partitions, commits: true, &state)
    }

    private func finishRevoke(_ partitions: [TopicPartition], commits: Bool, _ state: inout IntakeState) {
        state.revoking = nil
        if commits { self.commitSynchronously(partitions) }
        self.dispatcher.withLock { $0.remove(partitions) }
        do {
            try self.source.release(partitions)
        } catch {
            self.logger.warning("release failed", metadata: ["error": "\(error)"])
        }
    }

    /// The last commit before partitions go. A refusal may be a moment's (a coordinator that moves, a group that has
    /// just changed), and what this commit does not cover runs twice: it is tried a few times.
    func commitSynchronously(_ partitions: [TopicPartition]?) {
        let commits = self.dispatcher.withLock { $0.lastCommits(of: partitions) }
        guard !commits.isEmpty else { return }
        for attempt in 1...4 {
            do {
                return try self.source.commit(commits, synchronously: true)
            } catch {
                guard attempt == 4 else {
                    Thread.sleep(forTimeInterval: 0.1)
                    continue
                }
                self.logger.warning(
                    "the last commit of given-up partitions failed: their next owner repeats what it covered",
                    metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: - Stop

    /// Sees a stop through; true when the engine has ended.
    func advanceStop(now: Int64, _ state: inout IntakeState) -> Bool {
        guard self.control.withLock({ $0.stopRequested }) else { return false }
        guard let deadline = state.stopDeadline else {
            state.stopDeadline = now + self.settings.grace.wholeMicroseconds
            self.logger.info("stopping: what runs may finish")
            let (tried, running) = self.dispatcher.withLock { ($0.drain(), $0.running) }
            for work in tried { self.parkForRetry(work) }
            self.sink.flushSoon()
            self.logger.debug("draining", metadata: ["running": "\(running)", "waiting": "\(tried.count)"])
            return false
        }
        let (tried, isQuiet) = self.dispatcher.withLock { dispatcher in
            (dispatcher.takeTriedOfEndingSlots(), dispatcher.running == 0 && dispatcher.settling == 0)
        }
        for work in tried { self.parkForRetry(work) }
        guard (isQuiet && tried.isEmpty) || now >= deadline else { return false }
        if !isQuiet {
            self.logger.warning("the grace period is over: commands that still run will run again elsewhere")
        }
        self.end(&state)
        return true
    }

    private func end(_ state: inout IntakeState) {
        let idle = self.dispatcher.withLock { dispatcher in
            dispatcher.phase = .stopped
            defer { dispatcher.idle.removeAll() }
            return dispatcher.idle
        }
        for continuation in idle { continuation.resume(returning: nil) }
        self.commitSynchronously(nil)
        let partitions = self.dispatcher.withLock { Array($0.slots.keys) }
        self.dispatcher.withLock { $0.remove(partitions) }
        if let (revoked, _) = state.revoking {
            // The group still waits for the answer to a revoke, and leaving it would wait for that too.
            state.revoking = nil
            try? self.source.release(revoked)
        }
        self.source.close()
        self.sink.close()
        self.executor.stop(milliseconds: 200)
    }
}
