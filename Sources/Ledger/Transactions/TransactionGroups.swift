import Commands
import Logging
import PostgresClient
import Processor
import Synchronization

/// Runs what handlers write in shared transactions, a savepoint for each command.
///
/// One group: BEGIN; for each of its commands a savepoint, the handler's statements, the command's row; COMMIT. The cost
/// of a commit is shared by the commands that wait at that moment. A command that fails undoes its own savepoint only;
/// when the transaction itself is lost, all of its commands are run again, and no attempt counts.
final class TransactionGroups: Sendable {
    private let settings: PostgresLedger.Settings
    private let logger: Logger
    private let queue = Batcher<PostgresScope>()

    init(settings: PostgresLedger.Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func add(_ scope: PostgresScope) -> Bool { self.queue.add(scope) }

    func close() { self.queue.close() }

    /// Tells of batches whose commands have ended.
    func committed(_ entries: [LedgerEntry]) {
        guard let completer = self.settings.completer else { return }
        let batches = Set(entries.filter(\.isFinal).compactMap { $0.command.envelope.text(.batchid) })
        if !batches.isEmpty { completer.note(batches) }
    }

    /// A handler's time is up while it waits for its turn.
    func cancelled(_ scope: PostgresScope) {
        // Only one that waits: a body that runs finds out by its own statements, and its handler's end undoes it.
        guard self.queue.remove({ $0 === scope }) else { return }
        scope.fail("no transaction could be had in time")
    }

    // MARK: - One connection's loop

    private struct Done {
        let scope: PostgresScope
        let answer: CheckedContinuation<LedgerVerdict?, Never>
        let entry: LedgerEntry
        var command: LedgerCommand { self.entry.command }
        let run: Int64
    }

    func serve(_ connection: LedgerConnection) async {
        while let first = await self.queue.next(limit: 1) {
            var done: [Done] = []
            do {
                let opened = try await connection.open()
                try await opened.transaction { transaction in
                    var next = first.first
                    let started = ContinuousClock.now
                    while let scope = next {
                        if let finished = try await self.serve(scope, in: transaction, shard: connection.shard) {
                            done.append(finished)
                        }
                        // One that waits long must not hold up the commit of those that are finished.
                        guard done.count < self.settings.transactionLimit, .now - started < .milliseconds(20) else {
                            break
                        }
                        next = self.queue.more(limit: 1).first
                    }
                }
                connection.succeeded()
                self.committed(done.map(\.entry))
                for entry in done { entry.answer.resume(returning: .recorded) }
            } catch {
                for scope in first { scope.fail("the transaction was lost") }
                await self.resolve(done, after: error, connection)
                await connection.failed(error)
            }
        }
        connection.close()
    }

    /// Nobody knows whether it was committed, or it was not: the rows tell.
    private func resolve(_ done: [Done], after error: any Error, _ connection: LedgerConnection) async {
        guard !done.isEmpty else { return }
        var isUnknown = false
        if let error = error as? PostgresError, error.kind == .unknownCommit || error.mayHaveTakenEffect {
            isUnknown = true
        }
        guard isUnknown else {
            for entry in done { entry.answer.resume(returning: .undone(reason: "\(error)")) }
            return
        }
        connection.discard()
        var left = done
        while !left.isEmpty {
            left.removeAll { entry in
                guard entry.command.isOver() else { return false }
                entry.answer.resume(returning: .over)
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
                    entry.answer.resume(
                        returning: runs.contains(entry.run)
                            ? .recorded : .undone(reason: "the connection was lost while it was committed"))
                }
                left.removeAll()
            } catch {
                await connection.failed(error)
            }
        }
    }

    // MARK: - One command

    /// Thrown to undo a command's savepoint; the answer has been given.
    private struct Undone: Error {}

    /// - Returns: The command when it is to be committed.
    /// - Throws: When the transaction is lost, and with it all commands in it.
    private func serve(
        _ scope: PostgresScope, in transaction: PostgresTransaction, shard: Int32
    ) async throws -> Done? {
        do {
            return try await transaction.savepoint { transaction in
                try await self.follow(scope, in: transaction, shard: shard)
            }
        } catch is Undone {
            scope.end()
            return nil
        } catch {
            scope.fail("\(error)")
            throw error
        }
    }

    private func follow(
        _ scope: PostgresScope, in transaction: PostgresTransaction, shard: Int32
    ) async throws -> Done {
        while true {
            switch await self.next(of: scope) {
            case .body(let body, let continuation):
                let view = PostgresCommandTransaction(transaction)
                do {
                    try await body(view)
                    if let failure = view.failure { throw DatabaseError(failure) }
                    continuation.resume()
                } catch {
                    if let failure = view.failure, failure.isTransient || failure.kind == .unknownCommit {
                        scope.fail("\(failure)")
                        continuation.resume(throwing: error)
                        // A deadlock or a serialization failure undoes this command; a lost connection all of them.
                        if failure.kind == .reconnect || failure.kind == .unknownCommit { throw failure }
                        throw Undone()
                    }
                    continuation.resume(throwing: error)
                    // The handler may end well after a statement that failed; what it wrote before is gone all the same.
                    if let failure = view.failure { return try await self.afterFailure(failure, scope) }
                }
            case .entry(let entry, let run, let answer):
                guard entry.state == .succeeded else {
                    scope.end()
                    answer.resume(returning: nil)
                    throw Undone()
                }
                return try await self.record(entry, run: run, answer, scope, in: transaction, shard: shard)
            case .abandoned: throw Undone()
            }
        }
    }

    /// A statement failed by the command's own fault, and its handler has been told: only a failure can be recorded now.
    private func afterFailure(_ failure: PostgresError, _ scope: PostgresScope) async throws -> Done {
        while true {
            switch await self.next(of: scope) {
            case .body(_, let continuation): continuation.resume(throwing: DatabaseError(failure))
            case .entry(let entry, _, let answer):
                scope.end()
                if entry.state == .succeeded {
                    self.logger.error(
                        "a handler ended well although a statement of its transaction had failed: what it wrote is gone",
                        metadata: ["command.id": "\(scope.command.envelope.id)", "error": "\(failure)"])
                }
                answer.resume(returning: nil)
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
        do {
            let rows = try await transaction.run([
                columns.call(group: self.settings.group, worker: self.settings.worker, shard: shard)
            ])[0]
            guard rows.isEmpty else {
                scope.end()
                return Done(scope: scope, answer: answer, entry: entry, run: run)
            }
            let key = CommandKey(entry.command)
            let stored = try await transaction.query(LedgerSQL.look, [.texts([key.domain]), .texts([key.id])])
            let verdict = PostgresLedger.verdict(try stored.first.map { try StoredCommand($0) }, run: run)
            scope.end()
            answer.resume(returning: verdict)
        } catch {
            scope.end()
            answer.resume(returning: .undone(reason: "\(error)"))
            if let error = error as? PostgresError, error.kind == .retry || error.kind == .timeout { throw Undone() }
            throw error
        }
        throw Undone()
    }

    /// What the scope says next. A handler that does slow things with its transaction open holds up others: it is given up.
    private func next(of scope: PostgresScope) async -> PostgresScope.Message {
        let patience = Task {
            try await Task.sleep(for: .seconds(5))
            scope.refuse(
                AttemptFailure(
                    failureClass: .transient, code: "TRANSACTION_LEFT_OPEN",
                    message: "the handler left its transaction open for 5 s; what is slow belongs before it"))
        }
        defer { patience.cancel() }
        return await scope.next()
    }
}
