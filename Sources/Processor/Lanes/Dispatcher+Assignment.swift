import DequeModule
import HeapModule
import Synchronization

extension Dispatcher {
    mutating func assign(_ slot: PartitionSlot) {
        self.slots[slot.partition] = slot
        self.forgetLastSlot()
    }

    mutating func nextEpoch() -> UInt64 {
        self.epochs += 1
        return self.epochs
    }

    /// The partitions are to be given up: nothing of them starts from here on.
    ///
    /// - Returns: Commands that were tried here and wait for another attempt: they go to a retry topic, so that their
    ///   attempts are not forgotten. With `lost` there are none; another member may be at them already.
    mutating func revoke(_ partitions: [TopicPartition], lost: Bool) -> [Work] {
        let slots = partitions.compactMap { self.slots[$0] }
        for slot in slots where slot.state != .gone {
            slot.state = lost ? .gone : .revoking
            if lost { slot.isGone.store(true, ordering: .releasing) }
        }
        return self.stopWaiting { $0.slot.state != .active }
    }

    /// The partition has another owner, though nobody has taken it from us yet: as if it were lost.
    mutating func shutOut(_ slot: PartitionSlot, now: Int64) {
        slot.state = .gone
        slot.isGone.store(true, ordering: .releasing)
        slot.fencedAt = now
    }

    /// Everything is to be given up; what runs may finish.
    mutating func drain() -> [Work] {
        guard self.phase == .running else { return [] }
        self.phase = .draining
        return self.stopWaiting { _ in true }
    }

    /// Takes out of the waiting commands those that were tried here already; the others are let go of.
    private mutating func stopWaiting(_ isConcerned: (Work) -> Bool) -> [Work] {
        var kept: [Waiting] = []
        for entry in self.waiting.unordered {
            let work = entry.work
            if !isConcerned(work) {
                kept.append(entry)
                continue
            }
            self.endWaiting(work)
            self.letGo(work)
        }
        self.waiting = Heap(kept)
        for gate in self.gates {
            for work in gate.takeWaiting(where: isConcerned) {
                self.endWaiting(work)
                self.letGo(work)
            }
        }
        // Those whose time had come, and whose turn had not. Commands that have not begun stay: nobody takes them.
        let tried = self.ready.filter { isConcerned($0) && $0.attemptsHere > 0 }
        if !tried.isEmpty { self.ready.removeAll { isConcerned($0) && $0.attemptsHere > 0 } }
        for work in tried { self.letGo(work) }
        defer { self.ending.removeAll() }
        return self.ending
    }

    /// Attempts that fail while their partition is being given up: they are found here again and again until none is
    /// left running.
    mutating func takeTriedOfEndingSlots() -> [Work] {
        let isEnding = self.phase != .running
        return self.stopWaiting { isEnding || $0.slot.state != .active }
    }

    /// Whether nothing of the partitions runs, waits for an acknowledgement, or is to be sent to a retry topic.
    ///
    /// The last, because an attempt may fail after ``takeTriedOfEndingSlots()`` and before this question: nothing runs
    /// any more then, and yet its command, and with it its lane, waits to be taken from `ending`.
    func isQuiet(_ partitions: [TopicPartition]) -> Bool {
        let isEnded = partitions.allSatisfy { partition in
            guard let slot = self.slots[partition] else { return true }
            return slot.running == 0 && slot.settling == 0
        }
        return isEnded && !self.ending.contains { partitions.contains($0.slot.partition) }
    }

    /// The same of all partitions.
    var isQuiet: Bool { self.running == 0 && self.settling == 0 && self.ending.isEmpty }

    /// Forgets revoked partitions. What still runs of them finds its slot gone.
    mutating func remove(_ partitions: [TopicPartition]) {
        for partition in partitions {
            guard let slot = self.slots.removeValue(forKey: partition) else { continue }
            slot.state = .gone
            slot.isGone.store(true, ordering: .releasing)
            for work in slot.stuck { self.forget(work) }
            slot.stuck.removeAll()
        }
        // Their time is up before they were sent anywhere: the next owner runs them. Their lanes go on.
        let late = self.ending.filter { $0.slot.state == .gone }
        self.ending.removeAll { $0.slot.state == .gone }
        for work in late { self.drop(work) }
        self.forgetLastSlot()
    }

    /// The offsets to commit now, with the answer to come in ``committed(_:failed:)``.
    mutating func commits() -> [OffsetCommit] {
        var commits: [OffsetCommit] = []
        for slot in self.slots.values where slot.isDirty && slot.state != .gone {
            slot.isDirty = false
            slot.pendingCommits += 1
            slot.hasCommitted = true
            commits.append(slot.commit)
        }
        return commits
    }

    /// The offsets of partitions' last commit before they are given up; all partitions if none are named.
    ///
    /// What is on its way counts as not committed. The interleaving that asks for it: a commit leaves, the group
    /// begins to rebalance, nothing more finishes, the partitions are given up, and only then the broker's refusal
    /// arrives: nobody would be left to try again.
    func lastCommits(of partitions: [TopicPartition]?) -> [OffsetCommit] {
        self.slots.values.filter { slot in
            (slot.isDirty || slot.pendingCommits > 0) && slot.state != .gone
                && partitions?.contains(slot.partition) != false
        }.map(\.commit)
    }

    /// A commit was answered; after a failure its partitions are to be committed again.
    mutating func committed(_ partitions: [TopicPartition], failed: Bool) {
        for partition in partitions {
            guard let slot = self.slots[partition] else { continue }
            // An answer may belong to an earlier assignment of the partition; this one may have nothing to commit yet.
            slot.pendingCommits = max(0, slot.pendingCommits - 1)
            if failed, slot.hasCommitted { slot.isDirty = true }
        }
    }
}

extension PartitionSlot {
    /// What to commit as things stand.
    var commit: OffsetCommit {
        let base = self.progress.base
        var metadata = CommitMetadata(memos: self.memos)
        if self.progress.hasCompletedAbove { metadata.completed = self.progress.completedAbove() }
        let text = metadata.text(base: base)
        self.metadataBytes = text.utf8.count
        return OffsetCommit(partition: self.partition, offset: base, metadata: text)
    }
}
