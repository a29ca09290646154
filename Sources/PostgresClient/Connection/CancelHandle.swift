import CLibPQ

/// libpq's key to cancelling what a connection runs.
///
/// `@unchecked Sendable`: libpq promises that `PQcancel` may be called from any thread with the same handle, and it is
/// freed once. The cancel request travels over a connection of its own, unencrypted before libpq 17.
final class CancelHandle: @unchecked Sendable {
    private let pointer: OpaquePointer

    init?(_ connection: OpaquePointer) {
        guard let pointer = PQgetCancel(connection) else { return nil }
        self.pointer = pointer
    }

    deinit { PQfreeCancel(self.pointer) }

    /// Blocks until the server has passed the signal on: nothing that is sent afterwards is hit by it.
    func cancel() {
        var text = [CChar](repeating: 0, count: 256)
        _ = PQcancel(self.pointer, &text, Int32(text.count))
    }
}
