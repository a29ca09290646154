import Synchronization

/// A handler's body that runs in a transaction: it can be cancelled, and left behind when it does not come back.
final class BodyRun: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isCancelled = false
        var hasEnded = false
        var waiter: CheckedContinuation<Result<Void, any Error>?, Never>?
    }

    private let state = Mutex(State())

    /// Runs the body; nil when it was left behind.
    func result(_ body: @escaping @Sendable () async throws -> Void) async -> Result<Void, any Error>? {
        await withCheckedContinuation { continuation in
            // The task is made under the lock: whoever cancels it once it runs finds it.
            let isLeft = self.state.withLock { state in
                guard !state.hasEnded else { return true }
                state.waiter = continuation
                // Unstructured, because a body that ignores its cancellation must not hold up anybody's transaction.
                state.task = Task { [isCancelled = state.isCancelled] in
                    if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
                    do {
                        try await body()
                        self.end(.success(()))
                    } catch {
                        self.end(.failure(error))
                    }
                }
                return false
            }
            if isLeft { continuation.resume(returning: nil) }
        }
    }

    /// Its handler's time is up.
    func cancel() {
        let task = self.state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    /// Waits for it no longer.
    func leave() {
        self.cancel()
        self.end(nil)
    }

    private func end(_ result: Result<Void, any Error>?) {
        let waiter = self.state.withLock { state in
            state.hasEnded = true
            state.task = nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: result)
    }
}
