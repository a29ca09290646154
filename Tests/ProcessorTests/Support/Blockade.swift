import Foundation

/// Blocks a thread, as a handler that calls a C library would.
///
/// `@unchecked Sendable`: the semaphore is thread-safe and is not marked so.
final class Blockade: @unchecked Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func wait() { self.semaphore.wait() }
    func signal() { self.semaphore.signal() }
}
