import Synchronization

/// A transaction in progress; valid until the body that got it returns.
package final class PostgresTransaction: PostgresSession {
    private let core: ConnectionCore
    private let state: Mutex<TransactionState>

    private init(core: ConnectionCore, isolation: PostgresIsolation) {
        self.core = core
        self.state = Mutex(TransactionState(begin: isolation.begin))
    }

    static func run<Result>(
        on core: ConnectionCore, isolation: PostgresIsolation, _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        let transaction = PostgresTransaction(core: core, isolation: isolation)
        let result: Result
        do {
            result = try await body(transaction)
        } catch {
            await transaction.rollBack()
            throw error
        }
        try await transaction.commit()
        return result
    }

    @discardableResult
    package func run(_ calls: [PostgresCall]) async throws -> [PostgresRows] {
        guard !calls.isEmpty else { return [] }
        return try await self.send(calls)
    }

    /// Runs these statements and COMMIT in one round trip, and so ends the transaction.
    ///
    /// - Throws: ``PostgresError`` of the kind `unknownCommit` when the connection was lost before the answer.
    @discardableResult
    package func commit(after calls: [PostgresCall] = []) async throws -> [PostgresRows] {
        let isOpen = self.state.withLock { state in
            if calls.isEmpty, !state.isSent { state.end() }
            return state.phase == .open
        }
        guard isOpen else {
            guard calls.isEmpty else { throw Self.hasEnded }
            return []
        }
        if let failure = self.state.withLock({ $0.failure }) {
            await self.rollBack()
            throw Self.rolledBack(failure)
        }
        // Once COMMIT is on its way, only the server's answer counts; so a cancelled task waits for it.
        if Task.isCancelled {
            await self.rollBack()
            throw CancellationError()
        }
        let rows: [PostgresRows]
        do {
            rows = try await self.send(calls + [PostgresCall("COMMIT")], isCommit: true)
        } catch {
            // A statement before it failed: COMMIT was not run.
            await self.rollBack()
            throw error
        }
        self.state.withLock { $0.end() }
        guard rows.last?.result.tag == "COMMIT" else { throw Self.rolledBack(nil) }
        return Array(rows.dropLast())
    }

    /// Runs the body so that its failure undoes its own statements only, and can be caught.
    @discardableResult
    package func savepoint<Result>(_ body: (PostgresTransaction) async throws -> Result) async throws -> Result {
        let depth = self.state.withLock { $0.beginSavepoint() }
        let result: Result
        do {
            result = try await body(self)
            // A body that swallowed a statement's error has done nothing all the same.
            if let failure = self.state.withLock({ $0.failure }) { throw failure }
        } catch {
            let calls = self.state.withLock { $0.rollBackSavepoint(depth) }
            if !calls.isEmpty { _ = try await self.send(calls, isCancellable: false) }
            throw error
        }
        self.state.withLock { $0.releaseSavepoint(depth) }
        return result
    }

    /// Loads rows by `COPY … FROM STDIN (FORMAT binary)`.
    ///
    /// - Returns: How many.
    @discardableResult
    package func copyIn(
        _ statement: PostgresStatement, _ body: (inout PostgresCopyWriter) async throws -> Void
    ) async throws -> Int {
        try await self.plain { try await PostgresCopyWriter.run(statement, on: self.core, isAutocommit: false, body) }
    }

    /// Runs any number of statements in one text, without parameters.
    package func script(_ text: String) async throws {
        try await self.plain {
            _ = try await self.core.perform(ConnectionRequest(.script(text), isAutocommit: false))
        }
    }

    /// For what does not go through the extended protocol: sends what waits, and remembers a failure.
    private func plain<Result>(_ body: () async throws -> Result) async throws -> Result {
        _ = try await self.send([])
        do {
            return try await body()
        } catch {
            self.note(error)
            throw error
        }
    }

    private func note(_ error: any Error) {
        let failure =
            error as? PostgresError
            ?? PostgresError(code: .server, kind: .fatal, message: "a statement was cancelled or given up")
        self.state.withLock { $0.failed(failure) }
    }

    private func send(
        _ calls: [PostgresCall], isCommit: Bool = false, isCancellable: Bool = true
    ) async throws -> [PostgresRows] {
        let (calls, before) = try self.state.withLock { state in
            guard state.phase == .open else { throw Self.hasEnded }
            return state.statements(for: calls)
        }
        if calls.isEmpty { return [] }
        let request = ConnectionRequest(.statements(calls), isCommit: isCommit, isAutocommit: false)
        do {
            let rows = try await self.core.perform(request, isCancellable: isCancellable && !isCommit)
            return before == 0 ? rows : Array(rows.dropFirst(before))
        } catch {
            if !request.wasStarted { self.state.withLock { $0.notSent(calls[..<before]) } }
            var error = error
            if var failure = error as? PostgresError {
                failure.statementIndex = failure.statementIndex.flatMap { $0 < before ? nil : $0 - before }
                error = failure
            }
            self.note(error)
            throw error
        }
    }

    /// Never throws: when it does not succeed, the connection is given up, and the server rolls back by itself.
    private func rollBack() async {
        let isNeeded = self.state.withLock { state in
            guard state.phase == .open else { return false }
            state.end()
            return state.isSent
        }
        guard isNeeded, self.core.isUsable else { return }
        let request = ConnectionRequest(.statements([PostgresCall("ROLLBACK")]), isAutocommit: false)
        do {
            _ = try await self.core.perform(request, isCancellable: false)
        } catch {
            self.core.discard(
                PostgresError(
                    code: .connectionLost, kind: .reconnect, message: "a transaction could not be rolled back")
            )
        }
    }

    private static let hasEnded = PostgresError(
        code: .usage, kind: .fatal, message: "the transaction has ended and takes no more statements")

    /// - Parameter cause: The error of a statement that the body did not pass on.
    private static func rolledBack(_ cause: PostgresError?) -> PostgresError {
        let reason = cause.map { ", because a statement had failed before: \($0.message)" } ?? ""
        var error = PostgresError(
            code: .rolledBack, kind: cause?.kind ?? .fatal, message: "COMMIT was answered by ROLLBACK\(reason)")
        error.sqlState = cause?.sqlState
        return error
    }
}
