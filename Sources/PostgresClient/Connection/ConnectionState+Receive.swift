import CLibPQ
import DequeModule

extension ConnectionState {
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

    mutating func collect() {
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
    mutating func complete(_ request: ConnectionRequest) -> Bool {
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
}
