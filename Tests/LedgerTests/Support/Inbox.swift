import Commands
import Foundation
import PostgresClient
import Testing

@testable import Ledger
@testable import Processor

/// A worker's ledger on a real database, and attempts of commands as an engine makes them.
final class Inbox: Sendable {
    let database: Database
    let ledger: PostgresLedger
    let epoch: Int64
    static let partition = TopicPartition("test.commands", 0)

    private init(
        _ database: Database, _ configuration: PostgresConfiguration, worker: String,
        _ change: (inout PostgresLedger.Settings) -> Void
    ) async throws {
        self.database = database
        var settings = PostgresLedger.Settings(group: "tests", worker: worker)
        // A machine that stands still for seconds is no handler that leaves its transaction open.
        settings.openLimit = .seconds(120)
        change(&settings)
        self.ledger = PostgresLedger(configuration: configuration, settings: settings, logger: Database.logger)
        let ledger = self.ledger
        self.epoch = try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try ledger.own([Inbox.partition])[0] }) }
        }
    }

    /// Runs the body with a worker's ledger; a table `effects` is there for handlers.
    static func with(
        _ database: Database? = nil, configuration: PostgresConfiguration? = nil, worker: String = "w1",
        _ change: (inout PostgresLedger.Settings) -> Void = { _ in }, _ body: (Inbox) async throws -> Void
    ) async throws {
        let database = if let database { database } else { try await Database.make() }
        try await database.connection.script(
            """
            CREATE TABLE IF NOT EXISTS effects (id text, note text);
            CREATE TABLE IF NOT EXISTS balances (id text PRIMARY KEY, amount int8);
            """)
        let inbox = try await Inbox(database, configuration ?? database.configuration, worker: worker, change)
        let run = Task { await inbox.ledger.run() }
        do {
            try await body(inbox)
        } catch {
            inbox.ledger.close()
            run.cancel()
            await run.value
            throw error
        }
        inbox.ledger.close()
        await run.value
    }

    func command(
        _ id: String, key: String? = nil, offset: Int64 = 0, epoch: Int64? = nil, replays: Int = 0,
        extra: [(String, String)] = [], isOver: @escaping @Sendable () -> Bool = { false }
    ) throws -> LedgerCommand {
        let headers =
            [("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"), ("ce_type", "test.run")] + extra
        let record = Record(
            topic: Self.partition.topic, partition: 0, offset: offset, key: (key ?? id).utf8.map { $0 }, value: [],
            headers: headers.map { ($0.0, Array($0.1.utf8)) })
        return LedgerCommand(
            domain: "test", envelope: try EnvelopeReader().read(record), partition: Self.partition,
            epoch: epoch ?? self.epoch,
            origin: RecordOrigin(topic: Self.partition.topic, partition: 0, offset: offset), replays: replays,
            isOver: isOver)
    }

    func entry(
        _ command: LedgerCommand, _ state: LedgerEntry.State = .succeeded, attempt: Int = 1,
        failure: AttemptFailure? = nil, output: String = "{}"
    ) -> LedgerEntry {
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        return LedgerEntry(
            command: command, state: state, failure: failure, output: Array(output.utf8), attempt: attempt,
            worker: "w1", receivedAt: now, startedAt: now, finishedAt: now)
    }

    /// One attempt, whose failure is to be tried again.
    func attempt(_ command: LedgerCommand, _ body: @escaping PostgresScope.Body) async -> LedgerVerdict {
        let scope = self.ledger.scope(of: command)
        do {
            try await scope.transaction(body)
            return await self.ledger.record(self.entry(command), in: scope)
        } catch {
            let failure = AttemptFailure(failureClass: .transient, code: "FAILED", message: "\(error)")
            return await self.ledger.record(self.entry(command, .retrying, failure: failure), in: scope)
        }
    }

    /// Attempts until the database undoes none any more; how many it undid, and the last verdict.
    func run(_ command: LedgerCommand, _ body: @escaping PostgresScope.Body) async -> (undone: Int, LedgerVerdict) {
        var undone = 0
        while true {
            let verdict = await self.attempt(command, body)
            guard case .undone = verdict else { return (undone, verdict) }
            undone += 1
        }
    }

    /// With one connection for transactions, which are as large as may be.
    static func withOneConnection(_ body: (Inbox) async throws -> Void) async throws {
        try await Inbox.with {
            $0.transactions = 1
            $0.gatherLimit = .seconds(30)
        } _: {
            try await body($0)
        }
    }

    /// Two tables: a row of `children` without its parent is found at COMMIT only.
    func makeFamily() async throws {
        try await self.database.connection.script(
            """
            CREATE TABLE parents (id int PRIMARY KEY);
            CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
            """)
    }

    /// An attempt of a command that keeps its connection until the moment has come; returns once it has it.
    func keepConnection(_ id: String, until release: Moment) async throws -> Task<LedgerVerdict, Never> {
        let isOpen = Moment()
        let command = try self.command(id)
        let attempt = Task {
            await self.attempt(command) { transaction in
                try await transaction.effect(id)
                await isOpen.come()
                await release.wait()
            }
        }
        await isOpen.wait()
        return attempt
    }

    /// Waits until so many commands wait for a transaction.
    func untilWaiting(_ count: Int) async throws {
        while self.ledger.groups.waiting < count { try await Task.sleep(for: .milliseconds(2)) }
    }

    func effects() async throws -> [String] {
        try await self.database.connection.query("SELECT id || ' ' || note FROM effects ORDER BY 1").map {
            try $0.get(0)
        }
    }

    func state(_ id: String) async throws -> String? {
        try await self.database.connection.query(
            "SELECT state || ' ' || attempts FROM adjutant.commands WHERE domain = 'test' AND id = $1", [.text(id)]
        ).first?.get(0)
    }
}

extension CommandTransaction {
    func effect(_ id: String, _ note: String = "done") async throws {
        try await self.query("INSERT INTO effects VALUES ($1, $2)", [.text(id), .text(note)])
    }
}

extension LedgerVerdict {
    /// The verdict in a word.
    var name: String {
        switch self {
        case .recorded: "recorded"
        case .repeated: "repeated"
        case .undone: "undone"
        case .refused(let failure): "refused \(failure.code)"
        case .fenced(let owner): "fenced by \(owner)"
        case .over: "over"
        }
    }
}

extension LedgerFinding {
    var name: String {
        switch self {
        case .fresh: "fresh"
        case .finished: "finished"
        case .begun(let progress): "begun \(progress.attempts) at \(progress.origin.offset)"
        case .cancelled: "cancelled"
        case .over: "over"
        }
    }
}

/// Something that happens once, and that others wait for.
actor Moment {
    private var hasCome = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func come() {
        self.hasCome = true
        for waiter in self.waiters { waiter.resume() }
        self.waiters = []
    }

    func wait() async {
        if self.hasCome { return }
        await withCheckedContinuation { self.waiters.append($0) }
    }
}
