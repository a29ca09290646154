import Commands
import Foundation
import Logging
import Synchronization

/// Partitions that are being given up.
struct Revoke {
    var partitions: [TopicPartition]
    /// Monotonic microseconds.
    let deadline: Int64
}

/// The intake's own memory; it belongs to whoever takes a turn.
struct IntakeState {
    /// Called when the first partitions are assigned.
    var ready: (@Sendable () -> Void)?
    var batch = SourceBatch()
    /// Revokes that wait until what runs of their partitions has finished, each answered by itself.
    var revoking: [Revoke] = []
    /// Commands on their way to a retry topic because their place here ends; the producer had no room for them yet.
    var parking: [Work] = []
    var lastCommit: Int64 = 0
    var lastWatch: Int64 = 0
    /// Since when there has been no room; everything is paused when that lasts.
    var noRoomSince: Int64?
    var pausedAll = false
    var hasReported = false
    /// Since when brokers have refused the worker, and what had been done by then.
    var deniedSince: Int64?
    var doneWhenDenied = 0
    var commitsAnswered = 0
    var stopDeadline: Int64?
    var lastReport: Int64 = 0
    var lastShare: Int64 = 0
    var lastTaken = 0
    var lastSummary: Int64 = 0
    var lastCounts = EngineCounters.Counts()
}

extension Engine {
    // MARK: - Time

    /// Releases due commands, looks after timeouts, commits; returns how long the poll may wait, in milliseconds.
    func doWhatIsDue(now: Int64, _ state: inout IntakeState) -> Int {
        let wall = self.clock.wall()
        let (nextDue, hasReady, isBusy, isReady) = self.dispatcher.withLock { dispatcher in
            let before = dispatcher.ready.count
            var due = dispatcher.releaseDue(now: now, wall: wall)
            if let gate = dispatcher.releaseGates(now: now) { due = min(due ?? gate, gate) }
            return (
                due, dispatcher.ready.count > before, dispatcher.running + dispatcher.settling > 0, dispatcher.isReady
            )
        }
        if hasReady { self.executor.nudge() }
        self.shareLoad(now: now, &state)
        var wait: Int64 = 1_000_000
        if let nextDue { wait = min(wait, max(0, nextDue - now)) }
        // Threads may be blocked by handlers that nobody waits for any more.
        if isBusy || isReady || self.executor.hasBacklog {
            if now - state.lastWatch >= 20_000 {
                state.lastWatch = now
                self.watch(now: now)
                self.relieve(now: now, hasWork: isReady)
            }
            wait = min(wait, self.endOverdueBatches(now: wall) ? LaneBatch.patience : 20_000)
        }
        if self.ledger != nil { self.checkFences(now: now) }
        let interval = self.settings.commitInterval.wholeMicroseconds
        if now - state.lastCommit >= interval {
            state.lastCommit = now
            self.commit()
        }
        let dirty = self.dispatcher.withLock { $0.slots.values.contains { $0.isDirty } || $0.inFlight > 0 }
        if dirty { wait = min(wait, max(0, interval - (now - state.lastCommit))) }
        if !state.parking.isEmpty { wait = min(wait, 5_000) }
        return Int((wait + 999) / 1000)
    }

    /// Wakes another lane thread when commands wait and the threads at work need long for each.
    private func shareLoad(now: Int64, _ state: inout IntakeState) {
        let elapsed = now - state.lastShare
        guard elapsed >= 2_000 else { return }
        let (taken, isWaiting) = self.dispatcher.withLock { ($0.taken, !$0.ready.isEmpty) }
        let count = taken &- state.lastTaken
        state.lastShare = now
        state.lastTaken = taken
        if isWaiting || self.executor.hasBacklog, Int64(count) * 60 < elapsed { self.executor.nudge(another: true) }
    }

    private func commit() {
        let commits = self.dispatcher.withLock { $0.commits() }
        guard !commits.isEmpty else { return }
        do {
            try self.source.commit(commits, waiting: nil)
        } catch {
            self.logger.warning("commit failed, will be tried again", metadata: ["error": "\(error)"])
            self.dispatcher.withLock { $0.committed(commits.map(\.partition), failed: true) }
        }
    }

    // MARK: - Records

    /// Lets partitions go on that were paused and have room again.
    ///
    /// - Returns: Whether the worker has room for more, and for how much.
    @discardableResult
    func makeRoom(_ state: borrowing IntakeState) -> (hasRoom: Bool, limit: PollLimit) {
        let hadRoom = state.noRoomSince == nil
        let pausedAll = state.pausedAll
        let (hasRoom, toResume, limit) = self.dispatcher.withLock { dispatcher in
            let stopping = dispatcher.phase != .running
            let room = hadRoom ? dispatcher.hasRoom : dispatcher.hasAmpleRoom
            dispatcher.intakeWaits = !room && !stopping
            var resume: [TopicPartition] = []
            if room, !stopping, dispatcher.hasPaused || pausedAll {
                dispatcher.hasPaused = false
                for slot in dispatcher.slots.values where slot.state == .active {
                    if slot.isPaused ? dispatcher.isRoomy(slot) : pausedAll {
                        slot.isPaused = false
                        resume.append(slot.partition)
                    } else if slot.isPaused {
                        dispatcher.hasPaused = true
                    }
                }
            }
            return (room, resume, dispatcher.pollLimit())
        }
        if !toResume.isEmpty { self.source.resume(toResume) }
        return (hasRoom, limit)
    }

    func takeIn(now: Int64, wait: Int, _ state: inout IntakeState) {
        let (hasRoom, limit) = self.makeRoom(state)
        if hasRoom {
            state.noRoomSince = nil
            state.pausedAll = false
            self.source.poll(milliseconds: wait, limit: limit, into: &state.batch)
            let count = self.accept(&state.batch)
            if count > 0 { self.executor.nudge() }
            if count >= SharedIntake.worthwhile { self.shareIntake() }
            return
        }
        // Without room nothing is taken for a moment; when that lasts, everything is paused, so that polling, which
        // the group's protocol asks for, goes on without bringing records.
        let since = state.noRoomSince ?? now
        state.noRoomSince = since
        if now - since > 1_000_000, !state.pausedAll {
            state.pausedAll = true
            self.source.pause(self.dispatcher.withLock { $0.slots.values.filter { !$0.isPaused }.map(\.partition) })
        }
        if state.pausedAll {
            // What was fetched before the pause may still come, one by one.
            self.source.poll(
                milliseconds: min(wait, 20), limit: PollLimit(records: 1, bytes: 1), into: &state.batch)
            if self.accept(&state.batch) > 0 { self.executor.nudge() }
        } else {
            self.room.wait(milliseconds: max(1, min(wait, 50)))
        }
    }

    /// - Returns: How many records there were.
    @discardableResult
    func accept(_ batch: inout SourceBatch) -> Int {
        let count = batch.records.count
        guard count > 0 else { return 0 }
        let now = self.clock.wall()
        let monotonic = self.clock.monotonic()
        let (toPause, restarted) = self.dispatcher.withLock { dispatcher -> ([TopicPartition], [TopicPartition]) in
            var full: [TopicPartition] = []
            var last: PartitionSlot?
            // Records of a partition come one after another.
            func pauseIfFull(_ slot: PartitionSlot) {
                guard !slot.isPaused, slot.state == .active, dispatcher.isFull(slot) else { return }
                slot.isPaused = true
                dispatcher.hasPaused = true
                full.append(slot.partition)
            }
            for record in batch.records {
                guard let slot = dispatcher.slot(topic: record.topic, partition: record.partition),
                    slot.state == .active
                else { continue }
                if slot !== last {
                    if let last { pauseIfFull(last) }
                    last = slot
                }
                let work = Work(
                    record: record, slot: slot, receivedAt: now, laneID: self.laneID(of: record, slot: slot))
                if slot.isRetry, let due = self.dueTime(of: record, after: now) {
                    work.dueAt = due
                    work.due = monotonic + min(Dispatcher.longestNap, due - now)
                }
                dispatcher.accept(work)
            }
            if let last { pauseIfFull(last) }
            // What waits for a time grows without records, too, and counts for all partitions together.
            if dispatcher.waitsTooMuch(of: 1) { for slot in dispatcher.slots.values { pauseIfFull(slot) } }
            guard !dispatcher.restarted.isEmpty else { return (full, []) }
            defer { dispatcher.restarted = [] }
            return (full, dispatcher.restarted)
        }
        for partition in restarted {
            self.logger.error(
                "a partition's log was cut short or made anew below the committed offset: what is there is taken as new",
                metadata: ["partition": "\(partition)"])
        }
        self.counters.consumed(batch.records.count, at: monotonic)
        if self.metrics.isEnabled { self.countConsumed(batch.records) }
        batch.records.removeAll(keepingCapacity: true)
        if !toPause.isEmpty { self.source.pause(toPause) }
        return count
    }

    private func countConsumed(_ records: [Record]) {
        for (topic, group) in Dictionary(grouping: records, by: \.topic) {
            if let domain = self.domain(of: topic) { self.metrics.consumed(domain.names, group.count) }
        }
    }

    /// The lane: the domain, the partition's number (a command and its retries share it, so that they do not overlap),
    /// and the key. Two keys with one hash would share a lane, which is slower and not wrong.
    private func laneID(of record: Record, slot: PartitionSlot) -> UInt64? {
        var ordering = Ordering.key
        if slot.domain.hasOtherOrderings, let envelope = try? self.reader.read(record),
            let entry = slot.domain.registry.find(envelope)?.entry
        {
            ordering = entry.policy.ordering
        }
        var hasher = Hasher()
        hasher.combine(slot.laneSeed)
        switch ordering {
        case .none: return nil
        case .partition: hasher.combine(UInt8(0))
        case .key:
            guard let key = self.reader.orderingKey(of: record) else { return nil }
            hasher.combine(UInt8(1))
            key.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// When a retry record may run, Unix microseconds; nil for now, or when it does not say.
    private func dueTime(of record: Record, after wall: Int64) -> Int64? {
        guard let span = record.header(named: Attribute.due.headerName), let text = record.text(span),
            let milliseconds = Int64(text), milliseconds > 0, milliseconds < Int64.max / 2000
        else { return nil }
        return milliseconds * 1000 > wall ? milliseconds * 1000 : nil
    }

    // MARK: - Events

    /// How long the brokers may refuse the worker, microseconds, before it ends.
    private static let patienceWithDenials: Int64 = 120_000_000

    /// Whether the brokers have refused the worker for so long, with nothing taken and nothing committed meanwhile, that
    /// it is no passing trouble.
    private func isDeniedForGood(_ failure: SourceFailure, _ state: inout IntakeState) -> Bool {
        guard failure.kind == .denied else { return false }
        let now = self.clock.monotonic()
        let done = self.counters.snapshot.consumed + state.commitsAnswered
        guard let since = state.deniedSince, state.doneWhenDenied == done else {
            state.deniedSince = now
            state.doneWhenDenied = done
            return false
        }
        return now - since >= Self.patienceWithDenials
    }

    func handleEvent(_ state: inout IntakeState) {
        guard let event = state.batch.event else { return }
        state.batch.event = nil
        switch event {
        case .assigned(let partitions):
            self.assign(partitions)
            // What is new must not bring records past the limit that the others are paused for.
            if state.pausedAll { self.source.pause(partitions) }
            if !state.hasReported {
                state.hasReported = true
                state.ready?()
            }
        case .revoked(let partitions, let lost):
            self.startRevoke(partitions, lost: lost, &state)
        case .committed(let partitions, let failure):
            self.dispatcher.withLock { $0.committed(partitions, failed: failure != nil) }
            if failure == nil { state.commitsAnswered += 1 }
            if let failure {
                self.logger.warning("commit failed, will be tried again", metadata: ["error": "\(failure)"])
            }
        case .failed(let failure):
            if failure.isFatal || self.isDeniedForGood(failure, &state) {
                self.fail(failure)
            } else {
                self.logger.warning("broker connection", metadata: ["error": "\(failure)"])
            }
        }
    }
}
