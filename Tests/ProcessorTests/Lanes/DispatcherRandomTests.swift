import Commands
import Testing

@testable import Processor

/// Everything at once, in random order: the rules hold at every step, and nothing is left at the end.
@Suite struct DispatcherRandomTests {
    private final class Run {
        let stage: Stage
        var random: SeededRandom
        var slots: [PartitionSlot] = []
        var revoking: [PartitionSlot] = []
        var running: [Work] = []
        var settled: [Work] = []
        /// By lane, in the order of their commands: outcomes not acknowledged, and acknowledged ones behind them.
        var unfinished: [UInt64: [Work]] = [:]
        var barred: [UInt64: Int] = [:]
        var lastStart: [String: Int64] = [:]
        var now: Int64 = 1

        init(seed: Int) throws {
            self.stage = try Stage()
            self.random = SeededRandom(seed: UInt64(seed))
        }

        func accept() {
            guard let slot = self.slots.randomElement(using: &self.random) else { return }
            let lane = UInt64.random(in: 0..<6, using: &self.random)
            let due: Int64 = Int.random(in: 0..<8, using: &self.random) == 0 ? self.now + 20 : 0
            let work = self.stage.accept(
                slot, lane: lane == 5 ? nil : lane + UInt64(slot.partition.partition) * 10, due: due)
            guard due > 0 else { return }
            self.late.insert(ObjectIdentifier(work))
            self.kept.append(work)
        }

        func take() {
            guard let work = self.stage.take() else { return }
            #expect(work.slot.state == .active)
            if let lane = work.laneID {
                #expect(!self.running.contains { $0.laneID == lane }, "two of a lane run")
                #expect(self.barred[lane, default: 0] == 0, "started behind a failure")
                if work.due == 0, work.attemptsHere == 1, !self.isLate(work) {
                    let id = "\(lane) of \(work.slot.epoch)"
                    #expect(work.record.offset > self.lastStart[id] ?? -1, "out of order")
                    self.lastStart[id] = work.record.offset
                }
            }
            self.running.append(work)
        }

        /// Records that came with a time of their own start when it has come.
        private func isLate(_ work: Work) -> Bool { self.late.contains(ObjectIdentifier(work)) }
        private var late: Set<ObjectIdentifier> = []
        private var kept: [Work] = []

        func end() {
            guard let work = self.remove(from: \.running) else { return }
            if work.slot.state == .gone { return self.stage.dispatcher.abandoned(work) }
            switch Int.random(in: 0..<10, using: &self.random) {
            case 0..<2 where work.attemptsHere < 3: self.stage.retryInPlace(work, due: self.now + 5)
            case 2..<4:
                if let lane = work.laneID { self.barred[lane, default: 0] += 1 }
                self.failed.insert(ObjectIdentifier(work))
                self.stage.settle(work, success: false)
                self.noteSettled(work)
            default:
                self.stage.settle(work)
                self.noteSettled(work)
            }
        }

        private func noteSettled(_ work: Work) {
            self.settled.append(work)
            if let lane = work.laneID { self.unfinished[lane, default: []].append(work) }
        }

        /// Outcomes that count as on their way: an acknowledged one does as long as an earlier one of its lane is.
        var settling: Int {
            self.settled.count { $0.laneID == nil } + self.unfinished.values.reduce(0) { $0 + $1.count }
        }

        private var failed: Set<ObjectIdentifier> = []

        func acknowledge() {
            guard let work = self.remove(from: \.settled) else { return }
            if self.failed.remove(ObjectIdentifier(work)) != nil, let lane = work.laneID { self.barred[lane]! -= 1 }
            self.stage.acknowledge(work)
            guard let lane = work.laneID else { return }
            let firstLeft = self.unfinished[lane]!.firstIndex { other in self.settled.contains { $0 === other } }
            self.unfinished[lane]!.removeFirst(firstLeft ?? self.unfinished[lane]!.count)
            for other in self.unfinished[lane]! where other.slot.state != .gone {
                #expect(!other.slot.progress.isFinished(other.record.offset), "finished before an earlier one")
            }
        }

        func park(_ works: [Work]) {
            self.stage.park(works)
            for work in works where work.slot.state != .gone {
                if let lane = work.laneID { self.barred[lane, default: 0] += 1 }
                self.failed.insert(ObjectIdentifier(work))
                self.noteSettled(work)
            }
        }

        private func remove(from list: ReferenceWritableKeyPath<Run, [Work]>) -> Work? {
            guard !self[keyPath: list].isEmpty else { return nil }
            return self[keyPath: list].remove(at: .random(in: 0..<self[keyPath: list].count, using: &self.random))
        }

        func tick() {
            self.now += 3
            _ = self.stage.dispatcher.releaseDue(now: self.now)
        }

        func revoke() {
            guard self.revoking.isEmpty, !self.slots.isEmpty else { return }
            let slot = self.slots.remove(at: .random(in: 0..<self.slots.count, using: &self.random))
            let lost = Bool.random(using: &self.random)
            self.park(self.stage.dispatcher.revoke([slot.partition], lost: lost))
            if lost { self.stage.dispatcher.remove([slot.partition]) } else { self.revoking.append(slot) }
        }

        /// Apart from what follows: attempts may end in between.
        func parkTried() {
            if !self.revoking.isEmpty { self.park(self.stage.dispatcher.takeTriedOfEndingSlots()) }
        }

        func endRevoke(force: Bool) {
            guard let slot = self.revoking.first else { return }
            guard force || self.stage.dispatcher.isQuiet([slot.partition]) else { return }
            self.stage.dispatcher.remove([slot.partition])
            self.revoking.removeFirst()
        }

        func assign() {
            let free = (0..<3).filter { number in
                !(self.slots + self.revoking).contains { $0.partition.partition == Int32(number) }
            }
            guard let number = free.randomElement(using: &self.random) else { return }
            self.slots.append(self.stage.assign(Int32(number)))
        }
    }

    @Test(arguments: 0..<40) func theRulesHold(seed: Int) throws {
        let run = try Run(seed: seed)
        for _ in 0..<3000 {
            switch Int.random(in: 0..<100, using: &run.random) {
            case 0..<25: run.accept()
            case 25..<50: run.take()
            case 50..<68: run.end()
            case 68..<85: run.acknowledge()
            case 85..<92: run.tick()
            case 92: run.revoke()
            case 93..<95: run.parkTried()
            case 95..<97: run.endRevoke(force: Int.random(in: 0..<10, using: &run.random) == 0)
            default: run.assign()
            }
            try #require(run.stage.dispatcher.inFlight >= 0 && run.stage.dispatcher.running == run.running.count)
            try #require(run.stage.dispatcher.settling == run.settling)
        }
        if seed % 2 == 0 { try self.finish(run) } else { self.drain(run) }
        try #require(run.stage.dispatcher.remains == "", "seed \(seed)")
    }

    /// To the end, with everything that is there.
    private func finish(_ run: Run) throws {
        while !run.revoking.isEmpty { run.endRevoke(force: true) }
        for _ in 0..<10_000 {
            run.tick()
            run.take()
            run.end()
            run.acknowledge()
        }
        for slot in run.slots { #expect(slot.progress.base == slot.progress.next && slot.bytes == 0) }
    }

    /// A stop in the middle.
    private func drain(_ run: Run) {
        run.park(run.stage.dispatcher.drain())
        while !run.running.isEmpty || !run.settled.isEmpty {
            run.tick()
            run.take()
            run.end()
            run.acknowledge()
            run.park(run.stage.dispatcher.takeTriedOfEndingSlots())
        }
        for slot in run.slots { #expect(slot.progress.unfinished * 10 >= slot.bytes) }
        run.stage.dispatcher.remove(run.slots.map(\.partition) + run.revoking.map(\.partition))
        // What had not begun is let go of by those who take: nobody does after a stop.
        run.stage.dispatcher.phase = .running
        #expect(run.stage.take() == nil)
    }
}
