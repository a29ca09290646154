import Commands
import Foundation
import Logging
import Synchronization

extension Engine {
    /// Takes newly assigned partitions on: from the committed offset, past what the commit's metadata says is done.
    func assign(_ partitions: [TopicPartition]) {
        do {
            guard let committed = try self.committedOffsets(of: partitions),
                let epochs = self.ledgerEpochs(of: committed.map(\.partition))
            else { return }
            var starts: [(partition: TopicPartition, offset: Int64?)] = []
            self.dispatcher.withLock { dispatcher in
                for (entry, epoch) in zip(committed, epochs) {
                    guard let domain = self.domain(of: entry.partition.topic) else { continue }
                    let metadata = self.metadata(entry)
                    let slot = PartitionSlot(
                        partition: entry.partition, domain: domain, epoch: dispatcher.nextEpoch(),
                        progress: PartitionProgress(base: entry.offset ?? 0, completed: metadata.completed),
                        surroundings: self.surroundings[domain.names]!)
                    slot.memos = metadata.memos
                    slot.ledgerEpoch = epoch
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

    /// Shuts earlier owners of the partitions out of the database; nil when the engine is to stop. Waits for a database
    /// that is away, and for a transaction of an earlier owner that is still open.
    private func ledgerEpochs(of partitions: [TopicPartition]) -> [Int64]? {
        guard let ledger = self.ledger, !partitions.isEmpty else { return partitions.map { _ in 0 } }
        while true {
            do {
                return try ledger.own(partitions)
            } catch {
                guard !self.control.withLock({ $0.stopRequested }) else { return nil }
                self.logger.warning(
                    "the database cannot be told of new partitions yet", metadata: ["error": "\(error)"])
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
        self.park(tried, &state)
        // What was let go of may have given its lane's turn to a command of another partition.
        self.executor.nudge()
        if lost {
            // An earlier revoke has nothing left to wait for where its partitions are lost now.
            for index in state.revoking.indices {
                state.revoking[index].partitions.removeAll { partitions.contains($0) }
            }
            state.revoking.removeAll { $0.partitions.isEmpty }
            self.finishRevoke(partitions, commitWithin: nil, &state)
        } else {
            let deadline = self.clock.monotonic() + self.settings.revokeGrace.wholeMicroseconds
            state.revoking.append(Revoke(partitions: partitions, deadline: deadline))
            self.sink.flushSoon()
        }
    }

    /// Ends each revoke once nothing of its partitions runs or is on its way, or its time is up.
    func advanceRevoke(now: Int64, _ state: inout IntakeState) {
        guard !state.revoking.isEmpty else { return }
        self.park(self.dispatcher.withLock { $0.takeTriedOfEndingSlots() }, &state)
        var left: [Revoke] = []
        for revoke in state.revoking {
            let isParked = !state.parking.contains { revoke.partitions.contains($0.slot.partition) }
            let isQuiet = isParked && self.dispatcher.withLock { $0.isQuiet(revoke.partitions) }
            guard isQuiet || now >= revoke.deadline else {
                left.append(revoke)
                continue
            }
            if !isQuiet { self.logger.warning("giving up partitions while commands of them still run") }
            self.finishRevoke(revoke.partitions, commitWithin: max(2_000_000, revoke.deadline - now), &state)
        }
        state.revoking = left
    }

    /// Sends commands that were tried here to a retry topic; those for which the producer has no room wait here for the
    /// next turn, and polling goes on. Past the grace period they are dropped: their next owner runs them, and counts
    /// their attempts anew.
    private func park(_ works: [Work], _ state: inout IntakeState) {
        state.parking += works
        var sent = 0
        while sent < state.parking.count, self.parkForRetry(state.parking[sent]) { sent += 1 }
        state.parking.removeFirst(sent)
    }

    private func dropParked(_ state: inout IntakeState, of partitions: [TopicPartition]?) {
        let given = state.parking.filter { partitions?.contains($0.slot.partition) != false }
        guard !given.isEmpty else { return }
        state.parking.removeAll { work in given.contains { $0 === work } }
        self.dispatcher.withLock { dispatcher in
            for work in given { dispatcher.drop(work) }
        }
        self.logger.warning(
            "no room at the producer for commands that wait for a retry: they run again, their attempts counted anew",
            metadata: ["count": "\(given.count)"])
    }

    /// - Parameter commitWithin: Microseconds for the last commit; nil when nothing may be committed.
    private func finishRevoke(_ partitions: [TopicPartition], commitWithin: Int64?, _ state: inout IntakeState) {
        self.dropParked(&state, of: partitions)
        if let commitWithin { self.commitSynchronously(partitions, within: commitWithin) }
        self.dispatcher.withLock { $0.remove(partitions) }
        // What was dropped may have given its lane's turn to a command of another partition.
        self.executor.nudge()
        do {
            try self.source.release(partitions)
        } catch {
            self.logger.warning("release failed", metadata: ["error": "\(error)"])
        }
    }

    /// The last commit before partitions go. A refusal may be a moment's (a coordinator that moves, a group that has
    /// just changed), and what this commit does not cover runs twice: it is tried a few times, for so many microseconds.
    func commitSynchronously(_ partitions: [TopicPartition]?, within time: Int64) {
        let commits = self.dispatcher.withLock { $0.lastCommits(of: partitions) }
        guard !commits.isEmpty else { return }
        // The broker takes real time, whatever the engine's clock says.
        let end = EngineClock.system.monotonic() + time
        for attempt in 1...4 {
            let left = end - EngineClock.system.monotonic()
            do {
                return try self.source.commit(commits, waiting: Int(max(1, left / 1000)))
            } catch {
                guard attempt == 4 || left < 200_000 else {
                    Thread.sleep(forTimeInterval: 0.1)
                    continue
                }
                self.logger.warning(
                    "the last commit of given-up partitions failed: their next owner repeats what it covered",
                    metadata: ["error": "\(error)"])
                return
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
            self.park(tried, &state)
            self.sink.flushSoon()
            self.logger.debug("draining", metadata: ["running": "\(running)", "waiting": "\(tried.count)"])
            return false
        }
        self.park(self.dispatcher.withLock { $0.takeTriedOfEndingSlots() }, &state)
        let isQuiet = state.parking.isEmpty && self.dispatcher.withLock { $0.isQuiet }
        guard isQuiet || now >= deadline else { return false }
        if !isQuiet {
            self.logger.warning("the grace period is over: commands that still run will run again elsewhere")
        }
        self.dropParked(&state, of: nil)
        self.end(&state, deadline: deadline, now: now)
        return true
    }

    /// The last commit and the leave, each of which waits for brokers that may be away: by the deadline, monotonic
    /// microseconds, unless hardly any time is left.
    private func end(_ state: inout IntakeState, deadline: Int64, now: Int64) {
        let timeToLeave: Int64 = 3_000_000
        // Brokers take real time, whatever the engine's clock says.
        let realDeadline = EngineClock.system.monotonic() + max(0, deadline - now)
        let idle = self.dispatcher.withLock { dispatcher in
            dispatcher.phase = .stopped
            defer { dispatcher.idle.removeAll() }
            return dispatcher.idle
        }
        for continuation in idle { continuation.resume(returning: nil) }
        self.commitSynchronously(nil, within: max(1_000_000, deadline - now - timeToLeave))
        let partitions = self.dispatcher.withLock { Array($0.slots.keys) }
        self.dispatcher.withLock { $0.remove(partitions) }
        // The group still waits for the answer to a revoke, and leaving it would wait for that too.
        for revoke in state.revoking { try? self.source.release(revoke.partitions) }
        state.revoking.removeAll()
        let left = realDeadline - EngineClock.system.monotonic()
        self.source.close(milliseconds: Int(min(10_000_000, max(timeToLeave, left)) / 1000))
        // First those who send, as far as they can be stopped.
        self.executor.stop(milliseconds: 200)
        self.ledger?.close()
        self.sink.close()
    }
}
