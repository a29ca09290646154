import Foundation
import Logging
import Synchronization

/// SIGTERM and SIGINT: the first asks for a graceful stop, the second ends the process at once.
///
/// `@unchecked Sendable`: the sources never change, and Dispatch's objects are thread-safe.
final class StopSignals: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]

    convenience init(logger: Logger, stop: @escaping @Sendable () -> Void) {
        self.init(logger: logger, stop: { _ in stop() })
    }

    /// - Parameter stop: Gets the first signal's number.
    init(logger: Logger, stop: @escaping @Sendable (Int32) -> Void) {
        let counter = SignalCounter()
        self.sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                guard counter.next() > 1 else {
                    logger.info(
                        "signal received: stopping; a second one stops at once", metadata: ["signal": "\(number)"])
                    stop(number)
                    return
                }
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func cancel() {
        for source in self.sources { source.cancel() }
    }
}

private final class SignalCounter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        self.count.withLock { count in
            count += 1
            return count
        }
    }
}
