import Commands
import Synchronization

extension Engine: DeliveryReceiver {
    package func delivered(_ works: [Work]) {
        var finished: [Work] = []
        for work in works
        where work.pendingAcks.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
            finished.append(work)
        }
        if !finished.isEmpty { self.acknowledge(finished) }
    }

    package func undeliverable(_ work: Work, topic: String, failure: DeliveryFailure) {
        self.cannotSend(work, topic: topic, failure)
    }

    /// The commands' outcomes are stored: their offsets are done, and their lanes go on where they waited for it.
    func acknowledge(_ works: [Work]) {
        var waiters: [UnsafeContinuation<Void, Never>] = []
        let (wakeIntake, hasReady) = self.dispatcher.withLock { dispatcher in
            for work in works {
                if let waiter = dispatcher.acknowledged(work) { waiters.append(waiter) }
            }
            let isEnding = dispatcher.phase != .running && dispatcher.settling == 0
            return ((dispatcher.intakeWaits && dispatcher.hasAmpleRoom) || isEnding, !dispatcher.ready.isEmpty)
        }
        self.counters.acknowledged(works.count, at: self.clock.monotonic())
        for waiter in waiters { waiter.resume() }
        if wakeIntake {
            self.room.signal()
            self.source.wake()
        }
        if hasReady { self.executor.nudge() }
    }
}
