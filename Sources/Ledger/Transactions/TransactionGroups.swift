import Commands
import Logging
import PostgresClient
import Processor

/// Runs what handlers write in shared transactions, a savepoint for each command.
///
/// One group: BEGIN; for each of its commands a savepoint, the handler's statements, the command's row; COMMIT. The cost
/// of a commit is shared by the commands that wait at that moment. A command that fails undoes its own savepoint only;
/// when the transaction itself is lost, all of its commands are run again, and no attempt counts.
final class TransactionGroups: Sendable {
    private let settings: PostgresLedger.Settings
    private let logger: Logger
    private let queue = Batcher<PostgresScope>()
    /// Each of them gets a transaction of its own.
    private let suspects = CommitSuspects()

    init(settings: PostgresLedger.Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func add(_ scope: PostgresScope) -> Bool { self.queue.add(scope) }

    /// Commands that wait for a transaction.
    var waiting: Int { self.queue.count }

    func close() { self.queue.close() }

    /// Tells of batches whose commands have ended.
    func committed(_ entries: [LedgerEntry]) {
        guard let completer = self.settings.completer else { return }
        let batches = Set(entries.filter(\.isFinal).compactMap { $0.command.envelope.text(.batchid) })
        if !batches.isEmpty { completer.note(batches) }
    }

    /// A handler's time is up: while it waits for its turn, the database is to blame; while its body runs, the body is
    /// cancelled, and the statement that it waits for.
    func cancelled(_ scope: PostgresScope) {
        if self.queue.remove({ $0 === scope }) {
            scope.fail("no transaction could be had in time")
        } else {
            scope.cancelBody()
        }
    }

    /// A command that has its verdict is suspected no more.
    private func answer(_ done: Done, _ verdict: LedgerVerdict) {
        if case .undone = verdict {} else { self.suspects.remove(done.command) }
        done.answer.resume(returning: verdict)
    }

    // MARK: - One connection's loop

    /// An entry whose verdict holds once the transaction is committed. Not before, not even of a repeat: the outcome
    /// that it repeats may be one of the same transaction.
    private struct Done {
        let answer: CheckedContinuation<LedgerVerdict?, Never>
        let entry: LedgerEntry
        let run: Int64
        var verdict = LedgerVerdict.recorded
        var command: LedgerCommand { self.entry.command }
        var isRecorded: Bool { if case .recorded = self.verdict { true } else { false } }
    }

    func serve(_ connection: LedgerConnection) async {
        while let first = await self.queue.next(limit: 1) {
            var done: [Done] = []
            // What fails from then on is the COMMIT, and not the statement of one of them.
            var isCommitting = false
            do {
                let opened = try await connection.open()
                try await opened.transaction(isolation: self.settings.isolation) { transaction in
                    var next = first.first
                    let started = ContinuousClock.now
                    let isAlone = first.first.map { self.suspects.contains($0.command) } ?? false
                    while let scope = next {
                        if let finished = try await self.serve(scope, in: transaction, on: connection) {
                            done.append(finished)
                        }
                        // One that waits long must not hold up the commit of those that are finished.
                        guard !isAlone, done.count < self.settings.transactionLimit,
                            .now - started < self.settings.gatherLimit
                        else { break }
                        next = self.queue.more { !self.suspects.contains($0.command) }
                    }
                    isCommitting = true
                }
                connection.succeeded()
                self.committed(done.filter(\.isRecorded).map(\.entry))
                for entry in done { self.answer(entry, entry.verdict) }
            } catch {
                for scope in first { scope.fail("the transaction was lost") }
                await self.resolve(done, after: error, isCommitting: isCommitting, connection)
                await connection.failed(error)
            }
        }
        connection.close()
    }

    /// Nobody knows whether it was committed, or it was not: the rows tell.
    private func resolve(
        _ done: [Done], after error: any Error, isCommitting: Bool, _ connection: LedgerConnection
    ) async {
        guard !done.isEmpty else { return }
        var isUnknown = false
        if let error = error as? PostgresError, error.kind == .unknownCommit || error.mayHaveTakenEffect {
            isUnknown = true
        }
        guard isUnknown else {
            if isCommitting, let failure = error as? PostgresError, Self.isOwnFault(failure) {
                // A constraint that is checked at COMMIT: whose it is shows when each has a transaction of its own.
                if done.count == 1 { return self.answer(done[0], .refused(Self.refusedCommit(failure))) }
                self.suspects.add(done.map(\.command))
            }
            for entry in done { self.answer(entry, .undone(reason: "\(error)")) }
            return
        }
        connection.close()
        var left = done
        while !left.isEmpty {
            left.removeAll { entry in
                guard entry.command.isOver() else { return false }
                self.answer(entry, .over)
                return true
            }
            let keys = left.map { CommandKey($0.command) }
            do {
                var runs: Set<Int64> = []
                for row in try await connection.run([
                    PostgresCall(LedgerSQL.look, [.texts(keys.map(\.domain)), .texts(keys.map(\.id))])
                ])[0] {
                    let stored = try StoredCommand(row)
                    if stored.isFinal { runs.insert(stored.run) }
                }
                for entry in left {
                    self.answer(
                        entry,
                        runs.contains(entry.run)
                            ? .recorded : .undone(reason: "the connection was lost while it was committed"))
                }
                left.removeAll()
            } catch {
                await connection.failed(error)
            }
        }
    }

    // MARK: - One command

    /// Thrown to undo a command's savepoint; the answer has been given, or is `later`.
    private struct Undone: Error {
        var later: Done?
    }

    /// - Returns: The command when it has its verdict with the commit.
    /// - Throws: When the transaction is lost, and with it all commands in it.
    private func serve(
        _ scope: PostgresScope, in transaction: PostgresTransaction, on connection: LedgerConnection
    ) async throws -> Done? {
        // Not answered yet: has its verdict with the commit.
        var written: Done?
        do {
            return try await transaction.savepoint { transaction in
                do {
                    written = try await self.follow(scope, in: transaction, on: connection)
                } catch let undone as Undone {
                    // Should the connection be lost while the savepoint is rolled back, that error takes its place.
                    written = undone.later
                    throw undone
                }
                return written
            }
        } catch let undone as Undone {
            scope.end()
            return undone.later
        } catch {
            scope.fail("\(error)")
            written?.answer.resume(returning: .undone(reason: "\(error)"))
            throw error
        }
    }

    private func follow(
        _ scope: PostgresScope, in transaction: PostgresTransaction, on connection: LedgerConnection
    ) async throws -> Done {
        while true {
            switch await self.next(of: scope) {
            case .body(let body, let continuation):
                let view = PostgresCommandTransaction(transaction)
                guard let result = await self.run(body, view, of: scope) else {
                    scope.refuse(Self.leftOpen)
                    continuation.resume(throwing: PostgresScope.lost)
                    // The body may come back and go on writing: not in anybody else's share of the transaction.
                    connection.close()
                    throw PostgresError(
                        code: .closed, kind: .reconnect,
                        message: "a handler left its transaction open, which had to be given up")
                }
                do {
                    try result.get()
                    if let failure = view.failure { throw DatabaseError(failure) }
                    continuation.resume()
                } catch {
                    let failure = view.failure
                    if let failure, DatabaseError(failure).isTransient {
                        scope.fail("\(failure)")
                        continuation.resume(throwing: error)
                        // A deadlock or a serialization failure undoes this command; a lost connection all of them.
                        if failure.kind == .reconnect || failure.kind == .unknownCommit { throw failure }
                        throw Undone()
                    }
                    continuation.resume(throwing: error)
                    // The handler may end well after a statement that failed; what it wrote before is gone all the same.
                    if let failure { return try await self.afterFailure(failure, scope) }
                }
            case .entry(let entry, let run, let answer):
                guard entry.state == .succeeded else {
                    self.suspects.remove(scope.command)
                    scope.end()
                    answer.resume(returning: nil)
                    throw Undone()
                }
                return try await self.record(
                    entry, run: run, answer, scope, in: transaction, shard: connection.shard)
            case .abandoned: throw Undone()
            }
        }
    }

    /// Runs a body; nil when it did nothing with its transaction for long and did not come back.
    private func run(
        _ body: @escaping PostgresScope.Body, _ view: PostgresCommandTransaction, of scope: PostgresScope
    ) async -> Result<Void, any Error>? {
        let run = BodyRun()
        let limit = self.settings.openLimit
        let patience = Task { () async throws in
            while true {
                let left = limit - (view.idleTime ?? .zero)
                guard left > .zero else { return run.leave() }
                try await Task.sleep(for: left)
            }
        }
        defer { patience.cancel() }
        scope.begins(run)
        return await withTaskCancellationHandler {
            await run.result { try await body(view) }
        } onCancel: {
            run.leave()
        }
    }

    /// A statement failed by the command's own fault, and its handler has been told: only a failure can be recorded now.
    private func afterFailure(_ failure: PostgresError, _ scope: PostgresScope) async throws -> Done {
        while true {
            switch await self.next(of: scope) {
            case .body(_, let continuation): continuation.resume(throwing: DatabaseError(failure))
            case .entry(let entry, _, let answer):
                self.suspects.remove(scope.command)
                scope.end()
                if entry.state == .succeeded {
                    self.logger.error(
                        "a handler ended well although a statement of its transaction had failed: what it wrote is gone",
                        metadata: ["command.id": "\(scope.command.envelope.id)", "error": "\(failure)"])
                    answer.resume(returning: .refused(Self.swallowed(failure)))
                } else {
                    answer.resume(returning: nil)
                }
                throw Undone()
            case .abandoned: throw Undone()
            }
        }
    }

    private func record(
        _ entry: LedgerEntry, run: Int64, _ answer: CheckedContinuation<LedgerVerdict?, Never>,
        _ scope: PostgresScope, in transaction: PostgresTransaction, shard: Int32
    ) async throws -> Done {
        var columns = EntryColumns()
        columns.append(entry, run: run)
        var done = Done(answer: answer, entry: entry, run: run)
        do {
            let rows = try await transaction.run([
                columns.call(group: self.settings.group, worker: self.settings.worker, shard: shard)
            ])[0]
            scope.end()
            guard rows.isEmpty else { return done }
            let key = CommandKey(entry.command)
            let stored = try await transaction.query(LedgerSQL.look, [.texts([key.domain]), .texts([key.id])])
            done.verdict = try await .unwritten(
                entry, run: run, found: try stored.first.map { try StoredCommand($0) }, group: self.settings.group
            ) { try await transaction.run([$0])[0] }
        } catch {
            scope.end()
            guard let failure = error as? PostgresError else {
                answer.resume(returning: .undone(reason: "\(error)"))
                throw error
            }
            if Self.isOwnFault(failure) {
                // The handler may have changed what the statement depends on, such as its role; were it not to count,
                // the command would be run for ever.
                self.suspects.remove(entry.command)
                answer.resume(returning: .refused(Self.refusedRecord(failure)))
            } else {
                answer.resume(returning: .undone(reason: "\(failure)"))
            }
            // Lost for all of them; anything else is undone with this one's savepoint.
            if failure.kind == .reconnect || failure.kind == .unknownCommit { throw failure }
            throw Undone()
        }
        throw Undone(later: done)
    }

    /// What the scope says next. A handler that does slow things with its transaction open holds up others: it is given up.
    private func next(of scope: PostgresScope) async -> PostgresScope.Message {
        let limit = self.settings.openLimit
        let patience = Task { () async throws in
            try await Task.sleep(for: limit)
            scope.refuse(Self.leftOpen)
        }
        defer { patience.cancel() }
        return await withTaskCancellationHandler {
            await scope.next()
        } onCancel: {
            scope.fail("the worker ends")
        }
    }

    private static let leftOpen = AttemptFailure(
        failureClass: .transient, code: "TRANSACTION_LEFT_OPEN",
        message: "the handler left its transaction open for too long; what is slow belongs before it")

    private static func isOwnFault(_ failure: PostgresError) -> Bool {
        switch failure.kind {
        case .constraint: true
        case .fatal: failure.code == .server
        default: false
        }
    }

    private static func refusedCommit(_ failure: PostgresError) -> AttemptFailure {
        AttemptFailure(
            failureClass: .transient, code: "COMMIT_REFUSED",
            message: "the database refused to commit what the handler wrote: \(failure)")
    }

    private static func refusedRecord(_ failure: PostgresError) -> AttemptFailure {
        AttemptFailure(
            failureClass: .transient, code: "RECORD_REFUSED",
            message: "the database refused the command's row after what the handler wrote: \(failure)")
    }

    private static func swallowed(_ failure: PostgresError) -> AttemptFailure {
        AttemptFailure(
            failureClass: .transient, code: "STATEMENT_FAILED",
            message: "the handler ended well, and a statement of its transaction had failed: \(failure)")
    }
}
