import Synchronization

/// A value that tests wait on: they wait for what happens, not for time.
final class Watched<State: Sendable>: Sendable {
    private struct Waiter {
        let isMet: @Sendable (State) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct Box {
        var state: State
        var waiters: [Waiter] = []
    }

    private let box: Mutex<Box>

    init(_ state: sending State) { self.box = Mutex(Box(state: state)) }

    var value: State { self.box.withLock { $0.state } }

    @discardableResult
    func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, met) = self.box.withLock { box in
            let result = body(&box.state)
            let met = box.waiters.filter { $0.isMet(box.state) }
            if !met.isEmpty { box.waiters.removeAll { $0.isMet(box.state) } }
            return (result, met)
        }
        for waiter in met { waiter.continuation.resume() }
        return result
    }

    /// Returns once the value meets the condition; does not end early when the task is cancelled.
    func until(_ isMet: @escaping @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isNow = self.box.withLock { box in
                if isMet(box.state) { return true }
                box.waiters.append(Waiter(isMet: isMet, continuation: continuation))
                return false
            }
            if isNow { continuation.resume() }
        }
    }
}
