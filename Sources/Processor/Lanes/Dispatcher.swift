import Commands
import DequeModule
import HeapModule

/// Decides which command runs when: lanes, the ready queue, the commands that wait for a time, and the limits.
///
/// A state machine without I/O, clock or threads: the engine locks it, calls one method, unlocks, and does what the
/// method returned.
struct Dispatcher {
    enum Phase { case running, draining, stopped }

    let settings: EngineSettings
    var phase = Phase.running
    var slots: [TopicPartition: PartitionSlot] = [:]
    var lanes: [UInt64: Lane] = [:]
    var ready: Deque<Work> = []
    var waiting: Heap<Waiting> = []
    /// Tried here, to be tried again, and too late for it: their partition or the worker is going away.
    var ending: [Work] = []
    /// Taken and not finished.
    var inFlight = 0
    var inFlightBytes = 0
    /// Attempts running, their publishing included.
    var running = 0
    /// Settled and not acknowledged.
    var settling = 0
    /// Commands that wait for a time or at a gate, and their bytes: bounded apart from those in flight, so that what is
    /// due in ten minutes holds up nobody.
    var parked = 0
    var parkedBytes = 0
    /// Commands given to a worker, in all.
    var taken = 0
    var idle: [UnsafeContinuation<Work?, Never>] = []
    var workers = 0
    /// The intake waits for room.
    var intakeWaits = false
    /// Some partition may be paused.
    var hasPaused = false
    var epochs: UInt64 = 0
    /// Of the types with limits.
    var gates: [TypeGate] = []
    /// Partitions whose logs began anew, to be told of.
    var restarted: [TopicPartition] = []
    private var waitingCount: UInt64 = 0
    private var lastSlot: PartitionSlot?
    /// Ended, and to be used again.
    private var freeLanes: [Lane] = []
    private static let mostFreeLanes = 1024

    init(settings: EngineSettings) { self.settings = settings }

    struct Waiting: Comparable {
        let due: Int64
        let sequence: UInt64
        let work: Work

        static func < (left: Waiting, right: Waiting) -> Bool {
            left.due != right.due ? left.due < right.due : left.sequence < right.sequence
        }

        static func == (left: Waiting, right: Waiting) -> Bool { left.sequence == right.sequence }
    }

    /// Commands that wait for a time.
    var waitingForTime: Int { self.waiting.count }

    // MARK: - Intake

    var hasRoom: Bool {
        self.inFlight < self.settings.inFlight && self.inFlightBytes < self.settings.inFlightBytes
    }

    /// How much the next poll may bring: no record more than the worker has room for, and of bytes no more than it has
    /// room for and one record.
    ///
    /// Partitions that come near their own limits make polls small, but not tiny: others would pay for it. Theirs are
    /// passed by a few records.
    func pollLimit() -> PollLimit {
        var records = Self.largestPoll.records
        var bytes = Self.largestPoll.bytes
        // As long as there is little in all, no partition can have much.
        if self.inFlight + self.parked > self.settings.lookAhead - records
            || self.inFlightBytes + self.parkedBytes > self.settings.lookAheadBytes - bytes
        {
            for slot in self.slots.values where slot.state == .active && !slot.isPaused {
                records = min(records, self.settings.lookAhead - slot.progress.unfinished)
                bytes = min(bytes, self.settings.lookAheadBytes - slot.bytes)
            }
        }
        return PollLimit(
            records: max(1, min(max(records, Self.smallestPoll.records), self.settings.inFlight - self.inFlight)),
            bytes: max(1, min(max(bytes, Self.smallestPoll.bytes), self.settings.inFlightBytes - self.inFlightBytes)))
    }

    static let largestPoll = PollLimit(records: 256, bytes: 1 << 20)
    /// As far as one partition's limits matter.
    static let smallestPoll = PollLimit(records: 16, bytes: 64 << 10)

    /// Room enough to start taking again after a pause, so that pausing does not flutter.
    var hasAmpleRoom: Bool {
        self.inFlight <= self.settings.inFlight * 3 / 4 && self.inFlightBytes <= self.settings.inFlightBytes * 3 / 4
    }

    mutating func slot(topic: String, partition: Int32) -> PartitionSlot? {
        if let slot = self.lastSlot, slot.partition.partition == partition, slot.partition.topic == topic {
            return slot
        }
        self.lastSlot = self.slots[TopicPartition(topic, partition)]
        return self.lastSlot
    }

    mutating func forgetLastSlot() { self.lastSlot = nil }

    /// Takes a record in, or drops it when it was finished before or its partition is no longer ours.
    mutating func accept(_ work: Work) {
        let slot = work.slot
        guard slot.state == .active, self.phase == .running else { return }
        if work.offset < slot.start { self.restart(slot, at: work.offset) }
        work.generation = slot.generation
        let isNew = slot.progress.take(work.offset)
        guard isNew else {
            slot.isDirty = true
            return
        }
        slot.bytes += work.bytes
        if work.due <= 0 { self.countIn(work) }
        if !slot.memos.isEmpty { work.memo = slot.memos[work.offset] }
        if work.due > 0 { self.wait(work) } else { self.enqueue(work) }
    }

    /// The log was cut short or made anew below what the group had committed, and reading began where it is now: its
    /// records are new, whatever their offsets. What runs of the old ones goes on.
    private mutating func restart(_ slot: PartitionSlot, at offset: Int64) {
        slot.progress = PartitionProgress(base: offset)
        slot.memos = [:]
        slot.start = offset
        slot.generation += 1
        slot.isDirty = true
        self.restarted.append(slot.partition)
    }

    /// Whether the partition has come to its look-ahead limit.
    func isFull(_ slot: PartitionSlot) -> Bool {
        slot.progress.unfinished >= self.settings.lookAhead || slot.bytes >= self.settings.lookAheadBytes
            || slot.progress.isNearMetadataLimit || self.waitsTooMuch(slot, of: 1)
    }

    func isRoomy(_ slot: PartitionSlot) -> Bool {
        slot.progress.unfinished <= self.settings.lookAhead * 3 / 4
            && slot.bytes <= self.settings.lookAheadBytes * 3 / 4 && !slot.progress.isNearMetadataLimit
            && !self.waitsTooMuch(slot, of: 0.75)
    }

    /// Whether the worker is at a share of its limit of waiting commands.
    func waitsTooMuch(of share: Double) -> Bool {
        Double(self.parked) >= Double(self.settings.waiting) * share
            || Double(self.parkedBytes) >= Double(self.settings.waitingBytes) * share
    }

    /// The same, and the partition has its fair part of what waits.
    private func waitsTooMuch(_ slot: PartitionSlot, of share: Double) -> Bool {
        guard self.waitsTooMuch(of: share) else { return false }
        let part = share / Double(max(1, self.slots.count))
        return Double(slot.waiting) >= Double(self.settings.waiting) * part
            || Double(slot.waitingBytes) >= Double(self.settings.waitingBytes) * part
    }

    // MARK: - Waiting for a time

    mutating func wait(_ work: Work) {
        self.beginWaiting(work)
        self.waitingCount += 1
        self.waiting.insert(Waiting(due: work.due, sequence: self.waitingCount, work: work))
    }

    /// How long a command waits at most before its time by the wall clock is looked at again, microseconds.
    static let longestNap: Int64 = 60_000_000

    /// Moves what is due into the ready queue; returns when the next one is due.
    ///
    /// - Parameters:
    ///   - now: Monotonic microseconds.
    ///   - wall: Unix microseconds; retry records say in these when they are due. The wall clock may have been wrong
    ///     when a record was read, and mended since.
    mutating func releaseDue(now: Int64, wall: Int64 = .max) -> Int64? {
        while let first = self.waiting.min, first.due <= now {
            let work = self.waiting.removeMin().work
            if work.dueAt > wall, work.slot.state == .active, self.phase == .running {
                work.due = now + min(Self.longestNap, work.dueAt - wall)
                self.waiting.insert(Waiting(due: work.due, sequence: first.sequence, work: work))
                continue
            }
            work.due = 0
            work.dueAt = 0
            self.endWaiting(work)
            guard work.slot.state == .active, self.phase == .running else {
                self.letGo(work)
                continue
            }
            if work.lane != nil { self.ready.append(work) } else { self.enqueue(work) }
        }
        return self.waiting.min?.due
    }

    // MARK: - Running

    /// Whether a command is ready that may run now.
    var isReady: Bool { !self.ready.isEmpty && self.running < self.settings.concurrency }

    /// The next command to run; it counts as running from here on.
    mutating func take() -> Work? {
        guard self.phase == .running, self.running < self.settings.concurrency else { return nil }
        while let work = self.ready.popFirst() {
            guard work.slot.state == .active else {
                self.letGo(work)
                continue
            }
            self.running += 1
            self.taken &+= 1
            work.slot.running += 1
            return work
        }
        return nil
    }

    /// Takes as many as that, but leaves to others as many commands, and as much of the concurrency; the next one comes
    /// last.
    mutating func take(_ most: Int, into works: inout [Work]) {
        let free = max(0, self.settings.concurrency - self.running)
        for _ in 0..<min(most, self.ready.count / 2, free / 2) {
            guard let work = self.take() else { break }
            works.append(work)
        }
        works.reverse()
    }

    /// Taken and not begun: it is the next one to be taken again.
    mutating func giveBack(_ work: Work) {
        self.running -= 1
        self.taken &-= 1
        work.slot.running -= 1
        if work.slot.state == .active, self.phase == .running { self.ready.prepend(work) } else { self.letGo(work) }
    }

    /// The attempt failed and is tried again in place: its lane stays busy. When its partition is being given up, the
    /// assignment's end takes care of it.
    mutating func retryInPlace(_ work: Work, memo: RetryMemo?) {
        self.running -= 1
        work.slot.running -= 1
        if let memo, work.generation == work.slot.generation {
            work.slot.memos[work.offset] = memo
            work.slot.isDirty = true
        }
        if work.slot.state == .active, self.phase == .running { self.wait(work) } else { self.letGo(work) }
    }

    /// The command's outcome was sent.
    mutating func settled(_ work: Work, plainSuccess: Bool, wasRunning: Bool = true) {
        let slot = work.slot
        if wasRunning {
            self.running -= 1
            slot.running -= 1
        }
        work.isSettled = true
        if work.isStuck {
            self.hold(work)
            guard let lane = work.lane else { return }
            work.lane = nil
            lane.isBusy = false
            return self.advance(lane)
        }
        slot.settling += 1
        self.settling += 1
        guard let lane = work.lane else { return }
        lane.settled.append(work)
        lane.unacknowledged += 1
        lane.isBusy = false
        if !plainSuccess { lane.isBarred = true }
        self.advance(lane)
    }

    /// The attempt's assignment ended before its outcome was sent: nothing is published, nothing is committed.
    mutating func abandoned(_ work: Work) {
        self.running -= 1
        work.slot.running -= 1
        self.drop(work)
    }

    /// The broker has everything of the command's outcome: the command is finished, and so are those of its lane that
    /// only waited for it.
    ///
    /// - Returns: An attempt to wake that waited for its lane's outcomes.
    mutating func acknowledged(_ work: Work) -> UnsafeContinuation<Void, Never>? {
        guard let lane = work.lane else {
            self.finish(work)
            return nil
        }
        work.isAcknowledged = true
        return self.finishAcknowledged(of: lane)
    }

    private mutating func finishAcknowledged(of lane: Lane) -> UnsafeContinuation<Void, Never>? {
        while lane.settled.head?.isAcknowledged == true, let first = lane.settled.popFirst() {
            self.finish(first)
            first.lane = nil
            lane.unacknowledged -= 1
        }
        guard lane.unacknowledged == 0 else { return nil }
        lane.isBarred = false
        if let waiter = lane.settleWaiter {
            lane.settleWaiter = nil
            return waiter
        }
        self.advance(lane)
        return nil
    }

    private mutating func finish(_ work: Work) {
        let slot = work.slot
        self.forget(work)
        slot.settling -= 1
        self.settling -= 1
        guard slot.state != .gone, work.generation == slot.generation else { return }
        _ = slot.progress.finish(work.offset)
        if !slot.memos.isEmpty { slot.memos[work.offset] = nil }
        slot.isDirty = true
    }

    /// A record of the command's outcome can never be written. Its offset is held, so that a restart runs it again, and
    /// its partition's commits stay behind it; its key and everybody else's go on.
    ///
    /// - Returns: An attempt to wake that waited for its lane's outcomes.
    mutating func stuck(_ work: Work) -> UnsafeContinuation<Void, Never>? {
        guard !work.isStuck else { return nil }
        work.isStuck = true
        guard work.isSettled else { return nil }
        self.hold(work)
        work.slot.settling -= 1
        self.settling -= 1
        guard let lane = work.lane else { return nil }
        work.lane = nil
        lane.settled.remove(work)
        lane.unacknowledged -= 1
        return self.finishAcknowledged(of: lane)
    }

    private mutating func hold(_ work: Work) {
        if work.slot.state == .gone { self.forget(work) } else { work.slot.stuck.append(work) }
    }

    // MARK: - Lanes

    mutating func enqueue(_ work: Work) {
        guard let id = work.laneID else {
            self.ready.append(work)
            return
        }
        if let lane = self.lanes[id] {
            work.lane = lane
            lane.append(work)
            self.advance(lane)
        } else {
            let lane = self.makeLane(id)
            lane.isBusy = true
            work.lane = lane
            self.lanes[id] = lane
            self.ready.append(work)
        }
    }

    /// Gives the lane's turn to its next command, or ends the lane.
    mutating func advance(_ lane: Lane) {
        guard !lane.isBusy, !lane.isBarred else { return }
        while let work = lane.popFirst() {
            guard work.slot.state == .active else {
                self.forget(work)
                work.lane = nil
                continue
            }
            lane.isBusy = true
            self.ready.append(work)
            return
        }
        guard lane.unacknowledged == 0, let ended = self.lanes.removeValue(forKey: lane.id) else { return }
        if self.freeLanes.count < Self.mostFreeLanes { self.freeLanes.append(ended) }
    }

    private mutating func makeLane(_ id: UInt64) -> Lane {
        guard let lane = self.freeLanes.popLast() else { return Lane(id: id) }
        lane.id = id
        return lane
    }

    /// A command will not run here any more, because its partition or the worker is going away. When it was tried
    /// already, the assignment's end sends it to a retry topic, so that its attempts are not forgotten.
    ///
    /// What asks for it wherever a command comes up: an attempt fails during a stop, its short delay passes before the
    /// intake looks, and the command moves on into the ready queue, where nobody would look for it.
    mutating func letGo(_ work: Work) {
        if work.attemptsHere > 0, !work.isStrict, work.slot.state != .gone {
            self.ending.append(work)
        } else {
            self.drop(work)
        }
    }

    /// Lets go of a command that will not run here any more.
    mutating func drop(_ work: Work) {
        self.forget(work)
        guard let lane = work.lane else { return }
        work.lane = nil
        lane.isBusy = false
        self.advance(lane)
    }

    mutating func forget(_ work: Work) {
        self.countOut(work)
        work.slot.bytes -= work.bytes
    }

    // MARK: - Counting

    private mutating func countIn(_ work: Work) {
        guard !work.isInFlight else { return }
        work.isInFlight = true
        self.inFlight += 1
        self.inFlightBytes += work.bytes
    }

    private mutating func countOut(_ work: Work) {
        guard work.isInFlight else { return }
        work.isInFlight = false
        self.inFlight -= 1
        self.inFlightBytes -= work.bytes
    }

    mutating func beginWaiting(_ work: Work) {
        guard !work.isWaiting else { return }
        self.countOut(work)
        work.isWaiting = true
        self.parked += 1
        self.parkedBytes += work.bytes
        work.slot.waiting += 1
        work.slot.waitingBytes += work.bytes
    }

    mutating func endWaiting(_ work: Work) {
        guard work.isWaiting else { return }
        work.isWaiting = false
        self.parked -= 1
        self.parkedBytes -= work.bytes
        work.slot.waiting -= 1
        work.slot.waitingBytes -= work.bytes
        self.countIn(work)
    }
}
