import Synchronization
import Testing

/// A value that tests wait on: they wait for what happens, not for time.
final class Watched<State: Sendable>: Sendable {
    private struct Waiter {
        let id: Int
        let isMet: @Sendable (State) -> Bool
        let continuation: UnsafeContinuation<Void, Never>
    }

    private struct Box {
        var state: State
        var waiters: [Waiter] = []
        var ids = 0
    }

    private let box: Mutex<Box>

    init(_ state: sending State) { self.box = Mutex(Box(state: state)) }

    var value: State { self.box.withLock { $0.state } }

    /// Looks at a part without copying the whole, which would have to be copied again when it changes next.
    func read<Result: Sendable>(_ body: (borrowing State) -> Result) -> Result {
        self.box.withLock { body($0.state) }
    }

    @discardableResult
    func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, met) = self.box.withLock { box in
            let result = body(&box.state)
            var met: [Waiter] = []
            var others: [Waiter] = []
            for waiter in box.waiters {
                if waiter.isMet(box.state) { met.append(waiter) } else { others.append(waiter) }
            }
            box.waiters = others
            return (result, met)
        }
        for waiter in met { waiter.continuation.resume() }
        return result
    }

    /// Returns once the value meets the condition; a test that is out of time ends here, with an issue.
    func until(
        _ isMet: @escaping @Sendable (State) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let id = self.box.withLock { box in
            box.ids += 1
            return box.ids
        }
        await withTaskCancellationHandler {
            await self.wait(id, isMet)
        } onCancel: {
            let waiter = self.box.withLock { box in
                let waiter = box.waiters.first { $0.id == id }
                box.waiters.removeAll { $0.id == id }
                return waiter
            }
            waiter?.continuation.resume()
        }
        if Task.isCancelled, !isMet(self.value) {
            Issue.record("waited in vain; at the end: \(self.value)".prefixComment, sourceLocation: sourceLocation)
        }
    }

    /// Returns once the value meets the condition, whoever cancels.
    func untilDeaf(_ isMet: @escaping @Sendable (State) -> Bool) async { await self.wait(0, isMet) }

    private func wait(_ id: Int, _ isMet: @escaping @Sendable (State) -> Bool) async {
        await withUnsafeContinuation { continuation in
            let isNow = self.box.withLock { box in
                if isMet(box.state) || (id > 0 && Task.isCancelled) { return true }
                box.waiters.append(Waiter(id: id, isMet: isMet, continuation: continuation))
                return false
            }
            if isNow { continuation.resume() }
        }
    }
}

extension String {
    /// The beginning, as a comment of an issue.
    fileprivate var prefixComment: Comment { Comment(rawValue: String(self.prefix(600))) }
}
