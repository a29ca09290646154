@testable import Processor
import Synchronization

extension Engine {
    /// What the dispatcher still counts after everything has ended; empty when all is well.
    var remains: String { self.dispatcher.withLock { $0.remains } }
}

extension Dispatcher {
    var remains: String {
        let counts = [
            ("inFlight", self.inFlight), ("inFlightBytes", self.inFlightBytes), ("running", self.running),
            ("settling", self.settling), ("ready", self.ready.count), ("waiting", self.waitingForTime),
            ("lanes", self.lanes.count), ("parked", self.parked), ("parkedBytes", self.parkedBytes),
            ("ending", self.ending.count),
        ]
        return counts.filter { $0.1 != 0 }.map { "\($0.0): \($0.1)" }.joined(separator: ", ")
    }
}
