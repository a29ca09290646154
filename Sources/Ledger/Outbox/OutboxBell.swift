import Synchronization

/// Wakes the relay's loop: what rings while nobody waits is heard by the next wait.
final class OutboxBell: Sendable {
    private struct State {
        var isRung = false
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() {
        self.state.withLock { state in
            guard let continuation = state.continuation else {
                state.isRung = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.continuation = nil
            return continuation
        }?.resume()
    }

    /// Returns when it rings, or the time is over, or the task is cancelled. For one task at a time.
    func wait(atMost limit: Duration) async {
        guard limit > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.rung() }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func rung() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    guard !state.isRung, !Task.isCancelled else {
                        if !Task.isCancelled { state.isRung = false }
                        return true
                    }
                    state.continuation = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { state in
                defer { state.continuation = nil }
                return state.continuation
            }?.resume()
        }
    }
}
