import CLibPQ
import DequeModule
import Logging

/// One libpq connection and what it was asked to do: who holds the connection's lock may call.
///
/// Requests are answered in order, one at a time. Nothing here waits: what the network does not take at once is sent by
/// the connection's thread, which calls ``serve()`` when the socket is ready.
///
/// `@unchecked Sendable`: libpq's pointer is used by the holder of the lock only.
struct ConnectionState: @unchecked Sendable {
    enum Phase {
        case connecting
        case ready
        case broken(PostgresError)
    }

    var phase = Phase.connecting
    var handle: OpaquePointer?
    /// To close as soon as nothing is asked any more.
    var isClosing = false
    var current: ConnectionRequest?
    var waiting: Deque<ConnectionRequest> = []
    /// libpq holds bytes that the network did not take.
    var wantsWrite = false
    /// Grows with all that arrives: the thread tells by it whether the server is silent.
    var progress = 0
    var cache = StatementCache()
    private var arena = ParameterArena()
    let notices: NoticeSink

    /// For the holder of the lock to act on after unlocking.
    var resumptions: [Resumption] = []
    var notifications: [PostgresNotification] = []

    init(notices: NoticeSink) { self.notices = notices }

    var isIdle: Bool { self.current == nil && self.waiting.isEmpty }

    var transactionStatus: PGTransactionStatusType {
        guard let handle, case .ready = self.phase else { return PQTRANS_UNKNOWN }
        return PQtransactionStatus(handle)
    }

    // MARK: Asking

    /// - Returns: Whether the thread must be woken.
    mutating func submit(_ request: ConnectionRequest) -> Bool {
        if request.cancellation == .wanted {
            self.refuse(request, CancellationError())
            return false
        }
        if request.hasTooManyParameters {
            self.refuse(
                request,
                PostgresError(
                    code: .usage, kind: .fatal,
                    message: "a statement has more than \(ConnectionRequest.parameterLimit) parameters: use arrays"))
            return false
        }
        if case .broken(let error) = self.phase {
            self.refuse(request, Self.unsent(error))
            return false
        }
        if self.isClosing {
            self.refuse(request, PostgresError(code: .closed, kind: .fatal, message: "the connection is closed"))
            return false
        }
        if case .ready = self.phase, self.current == nil { return self.start(request) }
        self.waiting.append(request)
        return false
    }

    /// - Returns: Whether a cancel request is to be sent to the server, and ``cancelled(_:)`` called after that.
    mutating func cancel(_ request: ConnectionRequest) -> Bool {
        guard request.cancellation == .none else { return false }
        request.cancellation = .wanted
        if let index = self.waiting.firstIndex(where: { $0 === request }) {
            self.waiting.remove(at: index)
            self.refuse(request, CancellationError())
            return false
        }
        guard request === self.current, !request.isAnswered, case .ready = self.phase else { return false }
        request.cancellation = .running
        return true
    }

    /// The server was told; what it answers is the request's answer.
    mutating func cancelled(_ request: ConnectionRequest) -> Bool {
        request.cancellation = .done
        guard request === self.current, request.isAnswered else { return false }
        return self.complete(request)
    }

    mutating func refuse(_ request: ConnectionRequest, _ error: any Error) {
        guard let continuation = request.continuation else { return }
        request.continuation = nil
        self.resumptions.append(Resumption(continuation: continuation, answer: .failure(error)))
    }

    // MARK: Sending

    mutating func start(_ request: ConnectionRequest) -> Bool {
        guard let handle else { return true }
        self.current = request
        request.wasStarted = true
        let isSent: Bool
        switch request.kind {
        case .statements(let calls): isSent = self.send(calls, for: request, on: handle)
        case .script(let text), .copy(let text): isSent = PQsendQuery(handle, text) == 1
        }
        guard isSent else {
            self.lose(Self.lost("the connection to the database broke while sending"))
            return true
        }
        return self.flush()
    }

    mutating func send(
        _ calls: [PostgresCall], for request: ConnectionRequest, on handle: OpaquePointer
    ) -> Bool {
        guard PQenterPipelineMode(handle) == 1 else { return false }
        request.rows.reserveCapacity(calls.count)
        request.steps.reserveCapacity(calls.count + 2)
        for (index, call) in calls.enumerated() {
            let plan = self.cache.plan(for: call)
            let count = Int32(call.parameters.count)
            if case .prepare(let name, let types) = plan {
                let types = types.map { Oid($0.rawValue) }
                guard PQsendPrepare(handle, name, call.statement.text, count, types) == 1 else { return false }
                request.steps.append(.prepare(call: index, name: name))
            }
            let isSent = self.arena.with(call.parameters) { values, lengths, formats in
                switch plan {
                case .execute(let name), .prepare(let name, _):
                    request.steps.append(.execute(call: index, name: name))
                    return PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
                case .once(let types):
                    request.steps.append(.execute(call: index, name: nil))
                    let types = types.map { Oid($0.rawValue) }
                    return PQsendQueryParams(
                        handle, call.statement.text, count, types, values, lengths, formats, 1)
                }
            }
            guard isSent == 1 else { return false }
        }
        request.steps.append(.sync)
        return PQpipelineSync(handle) == 1
    }

    /// - Returns: Whether the thread must wait for the socket to take more. (While it cannot write, libpq reads, so that
    ///   the thread must also look at what arrived.)
    mutating func flush() -> Bool {
        guard let handle else { return true }
        self.wantsWrite = PQflush(handle) != 0
        return self.wantsWrite
    }

    // MARK: COPY

    /// Hands rows to libpq; the continuation is resumed once the network took them.
    mutating func copy(
        _ bytes: UnsafeRawBufferPointer, for request: ConnectionRequest,
        _ continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    ) -> Bool {
        guard self.isCopying(request, continuation), let handle else { return false }
        request.continuation = continuation
        guard
            PQputCopyData(handle, bytes.assumingMemoryBound(to: CChar.self).baseAddress, Int32(bytes.count)) == 1
        else {
            self.lose(Self.lost("the connection to the database broke while copying"))
            return true
        }
        let wakes = self.flush()
        if !wakes { self.resolve(request, .success([])) }
        return wakes
    }

    /// - Parameter failure: Makes the server undo the whole COPY.
    mutating func endCopy(
        _ failure: String?, for request: ConnectionRequest,
        _ continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    ) -> Bool {
        guard self.isCopying(request, continuation), let handle else { return false }
        request.continuation = continuation
        request.takesRows = false
        request.isEnded = true
        guard PQputCopyEnd(handle, failure) == 1 else {
            self.lose(Self.lost("the connection to the database broke while copying"))
            return true
        }
        return self.flush()
    }

    mutating func isCopying(
        _ request: ConnectionRequest, _ continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    ) -> Bool {
        if request === self.current, request.takesRows, case .ready = self.phase { return true }
        var error = PostgresError(code: .usage, kind: .fatal, message: "the COPY has ended")
        if case .broken(let cause) = self.phase { error = cause }
        self.resumptions.append(Resumption(continuation: continuation, answer: .failure(request.error ?? error)))
        return false
    }

    mutating func resolve(_ request: ConnectionRequest, _ answer: ConnectionRequest.Answer) {
        guard let continuation = request.continuation else { return }
        request.continuation = nil
        self.resumptions.append(Resumption(continuation: continuation, answer: answer))
    }

    // MARK: Ending

    /// The connection is of no more use. The thread frees it.
    mutating func lose(_ cause: PostgresError) {
        if case .broken = self.phase { return }
        var cause = cause
        if cause.sqlState == nil, let farewell = self.notices.farewell {
            cause.sqlState = farewell.sqlState
            cause.message += ": \(farewell.message)"
        }
        self.phase = .broken(cause)
        self.wantsWrite = false
        if let request = self.current {
            self.current = nil
            self.refuse(request, Self.unanswered(cause, request))
        }
        while let request = self.waiting.popFirst() { self.refuse(request, Self.unsent(cause)) }
    }

    static func lost(_ what: String) -> PostgresError {
        PostgresError(code: .connectionLost, kind: .reconnect, message: what)
    }

    /// Nothing of it reached the server.
    private static func unsent(_ cause: PostgresError) -> PostgresError {
        var error = cause
        error.mayHaveTakenEffect = false
        return error
    }

    private static func unanswered(_ cause: PostgresError, _ request: ConnectionRequest) -> PostgresError {
        var error = cause
        // The server ends what idles in a transaction before it reads the COMMIT.
        let isKnown = cause.sqlState == .idleInTransactionTimeout
        if request.isCommit, !isKnown {
            error.code = .commitUnknown
            error.kind = .unknownCommit
            error.message = "the connection was lost before COMMIT was answered: \(cause.message)"
        } else if request.isAutocommit, !isKnown {
            error.mayHaveTakenEffect = true
        }
        return error
    }
}
