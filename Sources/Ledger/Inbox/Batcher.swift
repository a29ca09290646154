import Synchronization

/// Gathers what many ask for, so that a few loops can do it in groups: while one group is under way, the next one grows.
final class Batcher<Item: Sendable>: Sendable {
    private struct State {
        var pending: [Item] = []
        var idle: [CheckedContinuation<[Item]?, Never>] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    /// False when it is closed; the item was not taken then.
    func add(_ item: Item) -> Bool {
        let (waiter, isTaken) = self.state.withLock { state -> (CheckedContinuation<[Item]?, Never>?, Bool) in
            guard !state.isClosed else { return (nil, false) }
            if let waiter = state.idle.popLast() { return (waiter, true) }
            state.pending.append(item)
            return (nil, true)
        }
        waiter?.resume(returning: [item])
        return isTaken
    }

    /// Waits for something to do; nil once it is closed and empty.
    func next(limit: Int) async -> [Item]? {
        await withCheckedContinuation { continuation in
            let found = self.state.withLock { state -> [Item]?? in
                if !state.pending.isEmpty { return .some(Self.take(limit, from: &state)) }
                if state.isClosed { return .some(nil) }
                state.idle.append(continuation)
                return .none
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    /// The first of what is there now, when it matches.
    func more(_ matches: (Item) -> Bool) -> Item? {
        self.state.withLock { state in
            guard let first = state.pending.first, matches(first) else { return nil }
            return state.pending.removeFirst()
        }
    }

    private static func take(_ limit: Int, from state: inout State) -> [Item] {
        if state.pending.count <= limit {
            defer { state.pending.removeAll(keepingCapacity: true) }
            return state.pending
        }
        let taken = Array(state.pending[..<limit])
        state.pending.removeFirst(limit)
        return taken
    }

    var count: Int { self.state.withLock { $0.pending.count } }

    /// Takes those out that match; whether there were any.
    func remove(_ matches: (Item) -> Bool) -> Bool {
        self.state.withLock { state in
            let count = state.pending.count
            state.pending.removeAll(where: matches)
            return state.pending.count < count
        }
    }

    /// Takes nothing more; what is pending is still handed out.
    func close() {
        let idle = self.state.withLock { state in
            state.isClosed = true
            defer { state.idle.removeAll() }
            return state.idle
        }
        for continuation in idle { continuation.resume(returning: nil) }
    }
}
