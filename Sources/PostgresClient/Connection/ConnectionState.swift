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
    private(set) var current: ConnectionRequest?
    private(set) var waiting: Deque<ConnectionRequest> = []
    /// libpq holds bytes that the network did not take.
    private(set) var wantsWrite = false
    /// Grows with all that arrives: the thread tells by it whether the server is silent.
    private(set) var progress = 0
    private var cache = StatementCache()
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

    private mutating func refuse(_ request: ConnectionRequest, _ error: any Error) {
        guard let continuation = request.continuation else { return }
        request.continuation = nil
        self.resumptions.append(Resumption(continuation: continuation, answer: .failure(error)))
    }

    // MARK: Sending

    private mutating func start(_ request: ConnectionRequest) -> Bool {
        guard let handle else { return true }
        self.current = request
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

    private mutating func send(
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
    private mutating func flush() -> Bool {
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

    private mutating func isCopying(
        _ request: ConnectionRequest, _ continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    ) -> Bool {
        if request === self.current, request.takesRows, case .ready = self.phase { return true }
        var error = PostgresError(code: .usage, kind: .fatal, message: "the COPY has ended")
        if case .broken(let cause) = self.phase { error = cause }
        self.resumptions.append(Resumption(continuation: continuation, answer: .failure(request.error ?? error)))
        return false
    }

    private mutating func resolve(_ request: ConnectionRequest, _ answer: ConnectionRequest.Answer) {
        guard let continuation = request.continuation else { return }
        request.continuation = nil
        self.resumptions.append(Resumption(continuation: continuation, answer: answer))
    }

    // MARK: Receiving

    /// Reads and writes what is ready. For the thread, after waiting for the socket.
    mutating func serve() {
        guard let handle, case .ready = self.phase else { return }
        self.progress &+= 1
        let isOpen = PQconsumeInput(handle) == 1
        if self.wantsWrite {
            _ = self.flush()
            if !self.wantsWrite, let current, current.takesRows { self.resolve(current, .success([])) }
        }
        self.collect()
        guard case .ready = self.phase else { return }
        self.takeNotifications(handle)
        // What the server said last comes before the end of the stream, and was collected above.
        if !isOpen || PQstatus(handle) == CONNECTION_BAD {
            self.lose(Self.lost("the connection to the database is lost"))
        }
    }

    private mutating func takeNotifications(_ handle: OpaquePointer) {
        while let notify = PQnotifies(handle) {
            self.notifications.append(
                PostgresNotification(
                    channel: String(cString: notify.pointee.relname), payload: String(cString: notify.pointee.extra)))
            PQfreemem(notify)
        }
    }

    private mutating func collect() {
        while let request = self.current, let handle, case .ready = self.phase {
            if request.isAnswered || request.takesRows || PQisBusy(handle) == 1 { return }
            let result = PQgetResult(handle)
            let isOver =
                switch request.kind {
                case .statements: self.receive(result, for: request, handle)
                case .script, .copy: self.receivePlain(result, for: request)
                }
            guard isOver else {
                if result == nil, PQstatus(handle) == CONNECTION_BAD { return }
                continue
            }
            request.isAnswered = true
            if request.cancellation == .running { return }
            _ = self.complete(request)
        }
    }

    /// Answers, and starts what waits.
    private mutating func complete(_ request: ConnectionRequest) -> Bool {
        self.current = nil
        if case .statements = request.kind, let handle, PQexitPipelineMode(handle) != 1 {
            self.resolve(request, request.answer)
            self.lose(Self.lost("the connection to the database is out of step"))
            return true
        }
        self.resolve(request, request.answer)
        guard case .ready = self.phase, let next = self.waiting.popFirst() else { return false }
        return self.start(next)
    }

    /// - Returns: Whether it was the last answer.
    private mutating func receive(
        _ result: OpaquePointer?, for request: ConnectionRequest, _ handle: OpaquePointer
    ) -> Bool {
        guard let result else {
            if !request.awaitsEnd, PQstatus(handle) != CONNECTION_BAD {
                self.lose(Self.lost("the connection to the database is out of step"))
            }
            request.awaitsEnd = false
            return false
        }
        let step = request.steps[request.nextStep]
        let status = PQresultStatus(result)
        if status == PGRES_PIPELINE_SYNC {
            PQclear(result)
            return true
        }
        request.awaitsEnd = true
        request.nextStep = min(request.nextStep + 1, request.steps.count - 1)
        switch status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if case .execute = step {
                request.rows.append(PostgresRows(result: PostgresResult(result)))
            } else {
                PQclear(result)
            }
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            self.forgetPreparation(step, request)
        default:
            self.fail(request, with: result, at: step)
        }
        return false
    }

    private mutating func receivePlain(_ result: OpaquePointer?, for request: ConnectionRequest) -> Bool {
        guard let result else { return true }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            request.rows.append(PostgresRows(result: PostgresResult(result)))
        case PGRES_COPY_IN:
            PQclear(result)
            if case .copy = request.kind {
                request.takesRows = true
                self.resolve(request, .success([]))
            } else {
                self.lose(Self.lost("a script asked for rows to copy"))
            }
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            self.lose(Self.lost("a statement sends rows by COPY, which is not supported"))
        default:
            self.fail(request, with: result, at: nil)
        }
        return false
    }

    private mutating func fail(
        _ request: ConnectionRequest, with result: OpaquePointer, at step: ConnectionRequest.Step?
    ) {
        let message = ServerMessage(result)
        PQclear(result)
        // libpq makes up an error without a code when the connection breaks.
        if message.sqlState == nil {
            self.lose(Self.lost("the connection to the database is lost"))
            return
        }
        var error = message.error
        switch step {
        case .prepare(let call, _), .execute(let call, _): error.statementIndex = call
        case .sync, nil: break
        }
        if let step {
            self.forgetPreparation(step, request)
            if case .execute(let call, let name?) = step, case .statements(let calls) = request.kind,
                error.sqlState == .unknownStatementName || error.sqlState == .featureNotSupported
            {
                self.cache.forget(name: name, text: calls[call].statement.text)
            }
        }
        if request.error == nil { request.error = error }
        if message.endsConnection {
            error.code = .connectionLost
            self.lose(error)
        }
    }

    private mutating func forgetPreparation(_ step: ConnectionRequest.Step, _ request: ConnectionRequest) {
        guard case .prepare(let call, let name) = step, case .statements(let calls) = request.kind else { return }
        self.cache.forget(name: name, text: calls[call].statement.text)
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

    private static func lost(_ what: String) -> PostgresError {
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
