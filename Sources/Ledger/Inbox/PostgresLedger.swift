import Commands
import Dispatch
import Logging
import PostgresClient
import Processor
import Synchronization

/// Remembers finished commands in PostgreSQL.
///
/// Commands are looked up and recorded in groups: whatever arrives while one group is on its way makes up the next, so
/// that the cost of a round trip and of a commit is shared by as many as there are. What handlers write is grouped too,
/// see ``TransactionGroups``.
///
/// The outcome events need no rows of their own in the outbox: the command's offset is not committed before they are
/// delivered, so that a command whose outcome is recorded and not sent comes again, and is answered from its row.
package final class PostgresLedger: CommandLedger {
    package struct Settings: Sendable {
        package var group: String
        package var worker: String
        /// Connections that record, each with one group on its way: the fewer, the larger the groups, and the cheaper each command.
        package var recorders = 1
        /// Connections for what handlers write.
        package var transactions = 4
        /// How handlers' transactions see others.
        package var isolation = PostgresIsolation.readCommitted
        /// Commands in one group.
        package var groupLimit = 512
        /// Commands in one shared transaction of handlers.
        package var transactionLimit = 32
        /// After which a shared transaction takes no further command.
        package var gatherLimit: Duration = .milliseconds(20)
        /// How long a handler may leave its transaction open without asking the database for anything.
        package var openLimit: Duration = .seconds(5)
        /// Is told of batches whose commands end.
        package var completer: BatchCompleter?

        package init(group: String, worker: String) {
            self.group = group
            self.worker = worker
        }
    }

    let settings: Settings
    let logger: Logger
    private let configuration: PostgresConfiguration
    private let lookups = Batcher<Lookup>()
    private let records = Batcher<Recording>()
    let groups: TransactionGroups
    private let nextRun = Atomic<Int64>(Int64.random(in: .min ... .max))

    private struct Lookup: Sendable {
        let command: LedgerCommand
        let answer: CheckedContinuation<LedgerFinding, Never>
    }

    struct Recording: Sendable {
        let entry: LedgerEntry
        let run: Int64
        let answer: CheckedContinuation<LedgerVerdict, Never>
    }

    package init(configuration: PostgresConfiguration, settings: Settings, logger: Logger) {
        var configuration = configuration
        configuration.isForWriting = true
        self.configuration = configuration
        self.settings = settings
        self.logger = logger
        self.groups = TransactionGroups(settings: settings, logger: logger)
    }

    /// Serves until ``close()``, which answers everybody.
    package func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.serve(self.lookups, self.answer) }
            for _ in 0..<self.settings.recorders {
                tasks.addTask { await self.serve(self.records, self.write) }
            }
            for _ in 0..<self.settings.transactions {
                tasks.addTask { await self.groups.serve(self.makeConnection(isOwn: false)) }
            }
        }
    }

    package func close() {
        self.lookups.close()
        self.records.close()
        self.groups.close()
    }

    func makeConnection(isOwn: Bool) -> LedgerConnection {
        LedgerConnection(
            configuration: self.configuration, shard: Int32.random(in: 0..<Int32(BatchProgressSQL.shards)),
            isOwn: isOwn, logger: self.logger)
    }

    /// A number for an attempt, to know its row by.
    func newRun() -> Int64 { self.nextRun.wrappingAdd(1, ordering: .relaxed).newValue }

    // MARK: - The engine's calls

    package func own(_ partitions: [TopicPartition]) throws -> [Int64] {
        let result = Mutex<Result<[Int64], any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        // The engine's intake has a thread of its own, and waits here for the answer.
        Task {
            let answer: Result<[Int64], any Error>
            do { answer = .success(try await self.raiseEpochs(partitions)) } catch { answer = .failure(error) }
            result.withLock { $0 = answer }
            done.signal()
        }
        done.wait()
        return try result.withLock { $0! }.get()
    }

    private func raiseEpochs(_ partitions: [TopicPartition]) async throws -> [Int64] {
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        defer { connection.close() }
        let rows = try await connection.query(
            LedgerSQL.own,
            [
                .text(self.settings.group), .texts(partitions.map(\.topic)), .int4s(partitions.map(\.partition)),
                .text(self.settings.worker),
            ])
        var epochs: [TopicPartition: Int64] = [:]
        for row in rows {
            let partition = TopicPartition(try row.get(0), try row.get(1, as: Int32.self))
            epochs[partition] = try row.get(2, as: Int64.self)
        }
        return partitions.map { epochs[$0] ?? 0 }
    }

    package func look(_ command: LedgerCommand) async -> LedgerFinding {
        await withCheckedContinuation { continuation in
            if !self.lookups.add(Lookup(command: command, answer: continuation)) {
                continuation.resume(returning: .over)
            }
        }
    }

    package func scope(of command: LedgerCommand) -> any LedgerScope {
        PostgresScope(groups: self.groups, command: command)
    }

    package func record(_ entry: LedgerEntry, in scope: (any LedgerScope)?) async -> LedgerVerdict {
        if let scope = scope as? PostgresScope, let verdict = await scope.record(entry, run: self.newRun()) {
            return verdict
        }
        return await withCheckedContinuation { continuation in
            let recording = Recording(entry: entry, run: self.newRun(), answer: continuation)
            if !self.records.add(recording) { continuation.resume(returning: .over) }
        }
    }

    // MARK: - Groups

    /// One loop: takes what is there, and does it until it is done.
    private func serve<Item: Sendable>(
        _ batcher: Batcher<Item>, _ work: (_ items: inout [Item], _ connection: LedgerConnection) async throws -> Void
    ) async {
        let connection = self.makeConnection(isOwn: true)
        while var items = await batcher.next(limit: self.settings.groupLimit) {
            while !items.isEmpty {
                do {
                    try await work(&items, connection)
                } catch {
                    await connection.failed(error)
                }
            }
        }
        connection.close()
    }

    private func answer(_ lookups: inout [Lookup], _ connection: LedgerConnection) async throws {
        lookups.removeAll { lookup in
            guard lookup.command.isOver() else { return false }
            lookup.answer.resume(returning: .over)
            return true
        }
        guard !lookups.isEmpty else { return }
        let keys = lookups.map { CommandKey($0.command) }
        let parameters: [PostgresValue] = [.texts(keys.map(\.domain)), .texts(keys.map(\.id))]
        let batches = lookups.map { $0.command.envelope.text(.batchid).map(DatabaseText.clean) }
        let answers = try await connection.run([
            PostgresCall(LedgerSQL.look, parameters),
            PostgresCall(CancellationSQL.lookup, parameters + [.texts(batches)]),
        ])
        var known: [CommandKey: StoredCommand] = [:]
        for row in answers[0] {
            let stored = try StoredCommand(row)
            known[CommandKey(domain: stored.domain, id: stored.id)] = stored
        }
        var cancelled: [Int: String] = [:]
        for row in answers[1] {
            cancelled[try row.get(0, as: Int.self) - 1] = try row.get(1, as: String?.self) ?? "cancelled before it ran"
        }
        for (place, (lookup, key)) in zip(lookups, keys).enumerated() {
            let finding = known[key]?.finding(for: lookup.command) ?? .fresh
            if let reason = cancelled[place], finding.isOpen(to: lookup.command) {
                lookup.answer.resume(returning: .cancelled(reason: reason))
            } else {
                lookup.answer.resume(returning: finding)
            }
        }
        lookups.removeAll()
    }

    private static let groupBytes = 8 << 20

    /// Writes a group; safe to repeat, since an attempt's own row is known by its run.
    private func write(_ recordings: inout [Recording], _ connection: LedgerConnection) async throws {
        recordings.removeAll { recording in
            guard recording.entry.command.isOver() else { return false }
            recording.answer.resume(returning: .over)
            return true
        }
        // A statement cannot write one row twice: the second of two with one id waits for the next group. Nor can it be
        // of any size.
        var bytes = 0
        var seen: Set<CommandKey> = []
        var later: [Recording] = []
        var group: [Recording] = []
        var keys: [CommandKey] = []
        for recording in recordings {
            let key = CommandKey(recording.entry.command)
            if bytes <= Self.groupBytes, seen.insert(key).inserted {
                bytes += recording.entry.output.count
                group.append(recording)
                keys.append(key)
            } else {
                later.append(recording)
            }
        }
        guard !group.isEmpty else { return }
        let verdicts: [LedgerVerdict]
        do {
            verdicts = try await self.record(group, keys: keys, on: connection)
        } catch let error as PostgresError
            where group.count > 1 && !error.isTransient && error.kind != .unknownCommit
            && !error.mayHaveTakenEffect
        {
            // One of them may be what the database refuses: by themselves, so that it holds up nobody else.
            var rest: [Recording] = []
            for (recording, key) in zip(group, keys) {
                do {
                    let verdict = try await self.record([recording], keys: [key], on: connection)
                    recording.answer.resume(returning: verdict[0])
                } catch {
                    rest.append(recording)
                }
            }
            recordings = later
            guard !rest.isEmpty else { return }
            // Behind whatever else there is, which goes on meanwhile.
            for recording in rest where !self.records.add(recording) { recording.answer.resume(returning: .over) }
            throw error
        }
        for (recording, verdict) in zip(group, verdicts) { recording.answer.resume(returning: verdict) }
        recordings = later
    }

    private func record(
        _ group: [Recording], keys: [CommandKey], on connection: LedgerConnection
    ) async throws -> [LedgerVerdict] {
        var columns = EntryColumns()
        for recording in group { columns.append(recording.entry, run: recording.run) }
        let rows = try await connection.run([
            columns.call(group: self.settings.group, worker: self.settings.worker, shard: connection.shard)
        ])[0]
        self.groups.committed(group.map(\.entry))
        guard rows.count < group.count else { return group.map { _ in .recorded } }
        var runs: Set<Int64> = []
        for row in rows { runs.insert(try row.get(0)) }
        let others = zip(group, keys).filter { !runs.contains($0.0.run) }.map(\.1)
        var stored: [CommandKey: StoredCommand] = [:]
        for row in try await connection.run([
            PostgresCall(LedgerSQL.look, [.texts(others.map(\.domain)), .texts(others.map(\.id))])
        ])[0] {
            let command = try StoredCommand(row)
            stored[CommandKey(domain: command.domain, id: command.id)] = command
        }
        var verdicts: [LedgerVerdict] = []
        for (recording, key) in zip(group, keys) {
            if runs.contains(recording.run) {
                verdicts.append(.recorded)
            } else {
                verdicts.append(
                    try await LedgerVerdict.unwritten(
                        recording.entry, run: recording.run, found: stored[key], group: self.settings.group
                    ) { try await connection.run([$0])[0] })
            }
        }
        return verdicts
    }
}

extension LedgerFinding {
    /// Whether the command may still be cancelled as far as this record is concerned.
    fileprivate func isOpen(to command: LedgerCommand) -> Bool {
        switch self {
        case .fresh: true
        case .begun(let progress): progress.origin == command.origin
        case .finished, .cancelled, .over: false
        }
    }
}
