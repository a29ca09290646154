import Commands
import Synchronization

extension Engine: DeliveryReceiver {
    package func delivered(_ works: [Work]) {
        self.acknowledge(works) { $0.pendingAcks.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }

    package func undeliverable(_ work: Work, topic: String, commandID: String?, failure: DeliveryFailure) {
        self.cannotSend(work, topic: topic, failure, id: commandID)
    }

    /// The commands' outcomes are stored: their offsets are done, and their lanes go on where they waited for it.
    ///
    /// - Parameter isStored: Whether all of the work's outcome is; asked once for each of them.
    func acknowledge(_ works: [Work], where isStored: (Work) -> Bool = { _ in true }) {
        var waiters: [UnsafeContinuation<Void, Never>] = []
        let (count, wakeIntake, hasReady) = self.dispatcher.withLock { dispatcher in
            var count = 0
            for work in works where isStored(work) {
                count += 1
                if let waiter = dispatcher.acknowledged(work) { waiters.append(waiter) }
            }
            let isEnding = dispatcher.phase != .running && dispatcher.settling == 0
            return (count, (dispatcher.intakeWaits && dispatcher.hasAmpleRoom) || isEnding, !dispatcher.ready.isEmpty)
        }
        guard count > 0 else { return }
        self.counters.acknowledged(count, at: self.clock.monotonic())
        for waiter in waiters { waiter.resume() }
        if wakeIntake {
            self.room.signal()
            self.source.wake()
        }
        if hasReady { self.executor.nudge() }
    }
}
