import Commands
import PostgresClient
import Processor
import Synchronization

/// One attempt's share of a transaction.
final class PostgresScope: LedgerScope {
    typealias Body = @Sendable (any CommandTransaction) async throws -> Void

    /// What the transaction's loop is told, in this order: bodies, then one of the others.
    enum Message: Sendable {
        case body(Body, CheckedContinuation<Void, any Error>)
        case entry(LedgerEntry, run: Int64, CheckedContinuation<LedgerVerdict?, Never>)
        case abandoned
    }

    private struct State {
        var hasBegun = false
        /// Nobody listens to the scope any more: its transaction failed, or its end was told.
        var isOver = false
        var failure: LedgerVerdict?
        var queue: [Message] = []
        var listener: CheckedContinuation<Message, Never>?
        var body: BodyRun?
        var isCancelled = false
    }

    let command: LedgerCommand
    private let groups: TransactionGroups
    private let state = Mutex(State())

    init(groups: TransactionGroups, command: LedgerCommand) {
        self.groups = groups
        self.command = command
    }

    // MARK: - The handler's side

    func transaction(_ body: @escaping Body) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let (isNew, isOver) = self.state.withLock { state in
                    defer { state.hasBegun = true }
                    return (!state.hasBegun, state.isOver)
                }
                if isOver { return continuation.resume(throwing: Self.lost) }
                self.post(.body(body, continuation))
                guard isNew else { return }
                guard self.groups.add(self) else { return self.fail("the worker ends") }
                // The time may have been up before: then nobody found it among those that wait.
                if self.state.withLock({ $0.isCancelled }) { self.groups.cancelled(self) }
            }
        } onCancel: {
            self.groups.cancelled(self)
        }
    }

    // MARK: - The engine's side

    /// The attempt's end; nil when it is not for the transaction to record it: there is none, or it is undone.
    func record(_ entry: LedgerEntry, run: Int64) async -> LedgerVerdict? {
        let (hasBegun, isOver, failure) = self.state.withLock { ($0.hasBegun, $0.isOver, $0.failure) }
        guard hasBegun else { return nil }
        if let failure {
            // The transaction's failure is the reason for the attempt's, and not the command's fault.
            return failure
        }
        if isOver { return entry.state == .succeeded ? .undone(reason: "the transaction was over") : nil }
        return await withCheckedContinuation { self.post(.entry(entry, run: run, $0)) }
    }

    func abandon() {
        guard self.state.withLock({ $0.hasBegun && !$0.isOver }) else { return }
        self.post(.abandoned)
    }

    // MARK: - The loop's side

    private func post(_ message: Message) {
        let (listener, isOver) = self.state.withLock { state -> (CheckedContinuation<Message, Never>?, Bool) in
            if state.isOver { return (nil, true) }
            if let listener = state.listener {
                state.listener = nil
                return (listener, false)
            }
            state.queue.append(message)
            return (nil, false)
        }
        if isOver { return Self.refuse(message, reason: self.state.withLock { $0.failure }) }
        listener?.resume(returning: message)
    }

    func next() async -> Message {
        await withCheckedContinuation { continuation in
            let message = self.state.withLock { state -> Message? in
                if !state.queue.isEmpty { return state.queue.removeFirst() }
                if state.isOver { return .abandoned }
                state.listener = continuation
                return nil
            }
            if let message { continuation.resume(returning: message) }
        }
    }

    /// A body runs from here on, unless its handler's time is up already.
    func begins(_ body: BodyRun) {
        let isCancelled = self.state.withLock { state in
            state.body = body
            return state.isCancelled
        }
        if isCancelled { body.cancel() }
    }

    func cancelBody() {
        let body = self.state.withLock { state in
            state.isCancelled = true
            return state.body
        }
        body?.cancel()
    }

    /// The database undid what the attempt wrote, or will not take it: the attempt is not to count.
    func fail(_ reason: String) { self.end(failure: .undone(reason: reason)) }

    /// The handler misused its transaction: the attempt counts.
    func refuse(_ failure: AttemptFailure) { self.end(failure: .refused(failure)) }

    /// The loop listens no more.
    func end(failure: LedgerVerdict? = nil) {
        let (queue, listener) = self.state.withLock { state in
            state.isOver = true
            if state.failure == nil { state.failure = failure }
            defer {
                state.queue.removeAll()
                state.listener = nil
            }
            return (state.queue, state.listener)
        }
        for message in queue { Self.refuse(message, reason: failure) }
        listener?.resume(returning: .abandoned)
    }

    private static func refuse(_ message: Message, reason: LedgerVerdict?) {
        switch message {
        case .body(_, let continuation): continuation.resume(throwing: Self.lost)
        case .entry(_, _, let continuation):
            continuation.resume(returning: reason ?? .undone(reason: "the transaction was over"))
        case .abandoned: break
        }
    }

    static let lost = DatabaseError(
        message: "the command's transaction is over, or the database went away", sqlState: nil, constraint: nil,
        isTransient: true)
}
