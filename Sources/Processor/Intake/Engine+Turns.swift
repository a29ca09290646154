import Commands
import Synchronization

/// Who takes the intake's turns: its own thread, or under load a lane thread that has run out of commands.
///
/// On few cores, threads that hand every command on to each other mostly wait for each other and for memory that lies
/// in another core's cache. A lane thread that fetches for itself, and takes its own delivery reports, keeps what it
/// touches at hand. The intake thread still looks after time, and takes over as soon as the lane thread is kept by a
/// handler: it comes by every few milliseconds and sees whether there was a turn since.
enum SharedIntake {
    /// Records in one poll from which on a lane thread polls: below that there is no backlog.
    static let worthwhile = 64
    /// How often the intake thread comes by meanwhile, in microseconds.
    static let interval: Int64 = 5_000
    /// How often it may come by and find that nobody has polled, even if there is work enough: the group's protocol
    /// asks for polls.
    static let visits = 100

    /// What the intake thread saw when it last came by.
    struct Watch {
        var turns = 0
        var visits = 0
    }
}

extension Engine {
    /// The loop of the intake thread.
    func runIntake(ready: @escaping @Sendable () -> Void) {
        self.intake.withLock { $0.ready = ready }
        var watch = SharedIntake.Watch()
        var isOver = false
        while !isOver {
            if self.isIntakeShared.load(ordering: .acquiring), self.isNeglected(&watch) { self.unshareIntake() }
            var rest: Int64 = 0
            isOver = self.intake.withLock { self.turn(&$0, rest: &rest) }
            if rest > 0, !isOver { self.calm.wait(milliseconds: Int((rest + 999) / 1000)) }
        }
        self.ended()
    }

    /// Whether the lane threads, to which polling is left, have not come for it since the last look although they have
    /// nothing else to do.
    private func isNeglected(_ watch: inout SharedIntake.Watch) -> Bool {
        let turns = self.turnsOfLanes.load(ordering: .relaxed)
        guard turns == watch.turns else {
            watch = SharedIntake.Watch(turns: turns)
            return false
        }
        watch.visits += 1
        return watch.visits > SharedIntake.visits || self.dispatcher.withLock { $0.ready.isEmpty }
    }

    /// One turn; true when the engine has ended.
    ///
    /// - Parameter rest: How long the thread may rest before its next turn, in microseconds.
    private func turn(_ state: inout IntakeState, rest: inout Int64) -> Bool {
        let now = self.clock.monotonic()
        let pause = self.doWhatIsDue(now: now, &state)
        if self.advanceStop(now: now, &state) { return true }
        self.advanceRevoke(now: now, &state)
        self.report(now: now, &state)
        // What a lane thread met while it polled comes first.
        if state.batch.event == nil {
            if self.isIntakeShared.load(ordering: .acquiring) {
                self.makeRoom(state)
                rest = max(1_000, min(SharedIntake.interval, Int64(pause) * 1000))
            } else {
                self.takeIn(now: now, wait: pause, &state)
            }
        }
        self.handleEvent(&state)
        return false
    }

    /// Leaves polling to the lane threads while they keep at it.
    func shareIntake() {
        guard self.executor.isFrugal, !self.isIntakeShared.load(ordering: .relaxed) else { return }
        // Counts as a turn, so that the lanes have a whole interval for their first one.
        self.turnsOfLanes.add(1, ordering: .relaxed)
        self.sink.leaveReports(toCallers: true)
        self.isIntakeShared.store(true, ordering: .releasing)
    }

    func unshareIntake() {
        guard self.isIntakeShared.exchange(false, ordering: .acquiringAndReleasing) else { return }
        self.sink.leaveReports(toCallers: false)
        self.calm.signal()
    }

    /// On a lane thread that found nothing to run: takes delivery reports and records, if that was left to it.
    ///
    /// - Returns: Whether there may be something to run now.
    func takeTurnOfLane() -> Bool {
        guard self.isIntakeShared.load(ordering: .acquiring) else { return false }
        self.sink.report()
        let count = self.intake.withLockIfAvailable { state -> Int in
            self.isLaneAtIntake.store(true, ordering: .relaxed)
            defer { self.isLaneAtIntake.store(false, ordering: .relaxed) }
            guard state.batch.event == nil, state.noRoomSince == nil, !state.pausedAll else { return 0 }
            let limit = self.dispatcher.withLock { dispatcher -> PollLimit? in
                guard dispatcher.phase == .running, dispatcher.hasRoom else { return nil }
                return dispatcher.pollLimit()
            }
            guard let limit else { return 0 }
            self.source.poll(milliseconds: 0, limit: limit, into: &state.batch)
            return self.accept(&state.batch)
        }
        if count != nil { self.turnsOfLanes.add(1, ordering: .relaxed) }
        guard let count, count > 0 else {
            // There is nothing, or the intake thread is at it: let that one poll, as this thread is about to sleep. Another
            // lane thread that is at it wakes this one when it finds much.
            if count != nil || !self.isLaneAtIntake.load(ordering: .relaxed) { self.unshareIntake() }
            return false
        }
        // Enough for two: what the other one's waking costs is little against it.
        if count >= SharedIntake.worthwhile { self.executor.nudge(another: true) }
        return true
    }
}
