import Foundation
import Logging
import Synchronization

/// The first SIGINT or SIGTERM asks for an end after what is under way, the second ends the process.
final class StopFlag: Sendable {
    private let number = Atomic<Int32>(0)
    private let signals = Mutex<StopSignals?>(nil)

    /// Listens from now on.
    func listen(_ message: @escaping @Sendable () -> Void) {
        let logger = Logger(label: "stop") { _ in SwiftLogNoOpLogHandler() }
        let signals = StopSignals(logger: logger) { number in
            self.number.store(number, ordering: .relaxed)
            message()
        }
        self.signals.withLock { $0 = signals }
    }

    var isSet: Bool { self.number.load(ordering: .relaxed) != 0 }

    /// 130 or 143; 0 while nobody asked.
    var exitCode: Int32 {
        let number = self.number.load(ordering: .relaxed)
        return number == 0 ? 0 : 128 + number
    }
}
