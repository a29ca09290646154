import Commands
import Foundation
import PostgresClient
import PostgresServer
import Processor
import Testing

@testable import Ledger

/// What the database may do: none of it uses up an attempt, loses an effect, or has it twice.
@Suite(.timeLimit(.minutes(10))) struct DatabaseFaultTests {
    private func withProxy(_ body: (Inbox, CuttingProxy) async throws -> Void) async throws {
        let database = try await Database.make()
        let (host, port) = try await Self.address(database)
        #expect(host == "127.0.0.1")
        let proxy = try CuttingProxy(to: port)
        defer { proxy.close() }
        let configuration = try PostgresConfiguration(url: database.url.replacing(":\(port)/", with: ":\(proxy.port)/"))
        try await Inbox.with(database, configuration: configuration) { try await body($0, proxy) }
    }

    private static func address(_ database: Database) async throws -> (String, Int) {
        let row = try await database.connection.query("SELECT host(inet_server_addr()), inet_server_port()").only
        return (try row.get(0), try row.get(1, as: Int.self))
    }

    @Test("the answer to COMMIT is lost: the row tells that it took effect")
    func ambiguousCommit() async throws {
        try await self.withProxy { inbox, proxy in
            proxy.arm(.answerToCommit)
            let (undone, verdict) = await inbox.run(try inbox.command("c")) { try await $0.effect("c") }
            #expect(undone == 0 && verdict.name == "recorded")
            #expect(proxy.cuts == 1)
            #expect(try await inbox.effects() == ["c done"])
        }
    }

    @Test("the COMMIT is lost: the row tells that nothing took effect")
    func lostCommit() async throws {
        try await self.withProxy { inbox, proxy in
            proxy.arm(.commit)
            let (undone, verdict) = await inbox.run(try inbox.command("c")) { try await $0.effect("c") }
            #expect(undone == 1 && verdict.name == "recorded")
            #expect(proxy.cuts == 1)
            #expect(try await inbox.effects() == ["c done"])
            #expect(try await inbox.state("c") == "succeeded 1")
        }
    }

    @Test("the connection is lost while a command that another record finished is rolled back: the attempt is answered")
    func lostRollback() async throws {
        try await self.withProxy { inbox, proxy in
            #expect(await inbox.ledger.record(inbox.entry(try inbox.command("c")), in: nil).name == "recorded")
            proxy.arm(.rollback)
            let (undone, verdict) = await inbox.run(try inbox.command("c", offset: 1)) { try await $0.effect("c") }
            #expect(undone == 1 && verdict.name == "repeated")
            #expect(proxy.cuts == 1)
            #expect(try await inbox.effects() == [])
        }
    }

    /// As after a failover, when the name still leads to the old primary.
    @Test("a server that takes no writes is left: the record is written once one does", arguments: [false, true])
    func readOnly(inTransaction: Bool) async throws {
        try await self.withProxy { inbox, proxy in
            func allow(_ writes: Bool) async throws {
                try await inbox.database.connection.script(
                    """
                    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = \(writes ? "off" : "on")',
                        current_database()); END $$
                    """)
            }
            try await allow(false)
            let before = proxy.accepted
            let command = try inbox.command("c")
            let verdict = Task {
                guard inTransaction else { return await inbox.ledger.record(inbox.entry(command), in: nil).name }
                return await inbox.run(command) { try await $0.effect("c") }.1.name
            }
            while proxy.accepted < before + 3, !Task.isCancelled { try await Task.sleep(for: .milliseconds(5)) }
            try await allow(true)
            #expect(await verdict.value == "recorded")
        }
    }

    /// Its first statement is refused before it is sent: what undoes the command must not undo the one before it.
    @Test("a command that is cancelled before its first statement takes no other one of its transaction along")
    func cancelledBeforeItsFirstStatement() async throws {
        try await Inbox.withOneConnection { inbox in
            let (goesOn, hasBegun, isCancelled) = (Moment(), Moment(), Moment())
            let holder = try await inbox.keepConnection("holder", until: goesOn)
            async let first = inbox.run(try inbox.command("a", offset: 1)) { try await $0.effect("a") }
            try await inbox.untilWaiting(1)
            let command = try inbox.command("b", offset: 2)
            let second = Task {
                await inbox.attempt(command) { transaction in
                    await hasBegun.come()
                    await isCancelled.wait()
                    try await transaction.effect("b")
                }.name
            }
            try await inbox.untilWaiting(2)
            await goesOn.come()
            await hasBegun.wait()
            second.cancel()
            await isCancelled.come()
            #expect(await second.value == "recorded")
            let others = try await (holder.value, first)
            #expect(others.0.name == "recorded" && others.1.1.name == "recorded")
            #expect(try await inbox.effects() == ["a done", "holder done"])
            #expect(try await inbox.state("a") == "succeeded 1")
        }
    }

    @Test("the answer to a group of records is lost: the group is written again, and each is its own")
    func lostRecord() async throws {
        try await self.withProxy { inbox, proxy in
            #expect(await inbox.ledger.record(inbox.entry(try inbox.command("warm")), in: nil).name == "recorded")
            for round in 0..<5 {
                proxy.arm(.nextAnswer)
                let commands = try (0..<50).map { try inbox.command("c-\(round)-\($0)", offset: Int64($0)) }
                let verdicts = await withTaskGroup(of: String.self) { group in
                    for command in commands {
                        group.addTask { await inbox.ledger.record(inbox.entry(command), in: nil).name }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(verdicts.allSatisfy { $0 == "recorded" })
            }
            #expect(proxy.cuts == 5)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.commands") == 251)
        }
    }

    @Test("the answer to a group of retries is lost: the group is written again, and each is told of once")
    func lostRetries() async throws {
        try await self.withProxy { inbox, proxy in
            let failure = AttemptFailure(failureClass: .transient, code: "BUSY", message: "later")
            let warm = inbox.entry(try inbox.command("warm"), .retrying, failure: failure)
            #expect(await inbox.ledger.record(warm, in: nil).name == "recorded")
            for round in 0..<5 {
                proxy.arm(.nextAnswer)
                let commands = try (0..<20).map { try inbox.command("c-\(round)-\($0)", offset: Int64($0)) }
                let verdicts = await withTaskGroup(of: String.self) { group in
                    for command in commands {
                        group.addTask {
                            await inbox.ledger.record(inbox.entry(command, .retrying, failure: failure), in: nil).name
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(verdicts.allSatisfy { $0 == "recorded" })
            }
            #expect(proxy.cuts == 5)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.events") == 101)
            #expect(try await inbox.database.count("SELECT count(DISTINCT command_id) FROM adjutant.events") == 101)
        }
    }

    @Test("backends killed again and again under load: each command has one effect, at its first attempt")
    func killed() async throws {
        try await Inbox.with { inbox in
            let killer = Task {
                // Not for ever: where the machine is slow, hardly a transaction would come to its end between two kills.
                var killed = 0
                for _ in 0..<60 where !Task.isCancelled {
                    let count: Int? = try? await inbox.database.connection.query(
                        """
                        SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2) x
                        """
                    ).only.get(0)
                    killed += count ?? 0
                    try? await Task.sleep(for: .milliseconds(30))
                }
                return killed
            }
            let verdicts = try await Self.load(inbox, count: 300) { transaction, index in
                try await transaction.effect("c-\(index)")
                try await transaction.query(
                    "INSERT INTO balances VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET amount = balances.amount + 1",
                    [.text("\(index % 7)")])
            }
            killer.cancel()
            #expect(await killer.value > 0)
            #expect(verdicts == ["recorded": 300])
            #expect(try await inbox.effects().count == 300)
            #expect(Set(try await inbox.effects()).count == 300)
            #expect(try await inbox.database.count("SELECT sum(amount)::int8 FROM balances") == 300)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.commands WHERE attempts = 1") == 300)
        }
    }

    /// Runs so many commands to their ends, 24 at a time; how many had which verdict.
    private static func load(
        _ inbox: Inbox, count: Int, _ body: @escaping @Sendable (any CommandTransaction, Int) async throws -> Void
    ) async throws -> [String: Int] {
        try await withThrowingTaskGroup(of: String.self) { group in
            var verdicts: [String: Int] = [:]
            for index in 0..<count {
                if index >= 24, let name = try await group.next() { verdicts[name, default: 0] += 1 }
                let command = try inbox.command("c-\(index)", offset: Int64(index))
                group.addTask { await inbox.run(command) { try await body($0, index) }.1.name }
            }
            for try await name in group { verdicts[name, default: 0] += 1 }
            return verdicts
        }
    }

    @Test("two commands that lock each other out: one is undone and made again")
    func deadlock() async throws {
        try await Inbox.with { inbox in
            try await inbox.database.connection.script("INSERT INTO balances VALUES ('x', 0), ('y', 0)")
            let (hasX, hasY) = (Moment(), Moment())
            let add: SQL = "UPDATE balances SET amount = amount + 1 WHERE id = $1"
            async let one = inbox.run(try inbox.command("one")) { transaction in
                try await transaction.query(add, [.text("x")])
                await hasX.come()
                await hasY.wait()
                try await transaction.query(add, [.text("y")])
            }
            async let two = inbox.run(try inbox.command("two", offset: 1)) { transaction in
                try await transaction.query(add, [.text("y")])
                await hasY.come()
                await hasX.wait()
                try await transaction.query(add, [.text("x")])
            }
            let (first, second) = try await (one, two)
            #expect(first.1.name == "recorded" && second.1.name == "recorded")
            #expect(first.undone + second.undone >= 1)
            #expect(try await inbox.database.count("SELECT sum(amount)::int8 FROM balances") == 4)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.commands WHERE attempts = 1") == 2)
        }
    }

    @Test(
        "the database's own trouble does not count: serialization failure, disk full, out of memory, lock not available",
        arguments: ["40001", "53100", "53200", "55P03"])
    func trouble(state: String) async throws {
        try await Inbox.with { inbox in
            // The sequence outlives what is rolled back.
            try await inbox.database.connection.script(
                """
                CREATE SEQUENCE calls;
                CREATE FUNCTION trouble() RETURNS void LANGUAGE plpgsql AS $$
                    BEGIN IF nextval('calls') < 4 THEN RAISE 'trouble' USING ERRCODE = '\(state)'; END IF; END $$;
                """)
            let (undone, verdict) = await inbox.run(try inbox.command("c")) { transaction in
                try await transaction.effect("c")
                try await transaction.query("SELECT trouble()::text")
            }
            #expect(undone == 3 && verdict.name == "recorded")
            #expect(try await inbox.effects() == ["c done"])
            #expect(try await inbox.state("c") == "succeeded 1")
        }
    }

    @Test("no connection is to be had: commands wait for one, and no attempt counts")
    func connectionsExhausted() async throws {
        let programs = try #require(PostgresPrograms.find(), "the programs of a PostgreSQL server are not installed")
        let server = try await PostgresServer.start(
            programs, settings: ["max_connections": "8", "superuser_reserved_connections": "0", "fsync": "off"])
        let result: Result<Void, any Error>
        do {
            let database = try await Database.make(on: server)
            try await Inbox.with(database) {
                $0.recorders = 1
                $0.transactions = 1
            } _: { inbox in
                var others: [PostgresConnection] = []
                while let connection = try? await database.connect() { others.append(connection) }
                #expect(!others.isEmpty)
                async let finding = inbox.ledger.look(try inbox.command("e", offset: 2))
                async let run = inbox.run(try inbox.command("c")) { try await $0.effect("c") }
                async let record = inbox.ledger.record(inbox.entry(try inbox.command("d", offset: 1)), in: nil)
                // Long enough that each of them was turned away.
                try await Task.sleep(for: .milliseconds(200))
                for connection in others { connection.close() }
                #expect(try await finding.name == "fresh")
                #expect(try await record.name == "recorded")
                #expect(try await run.1.name == "recorded")
                #expect(try await inbox.effects() == ["c done"])
                #expect(try await inbox.state("c") == "succeeded 1")
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await server.remove()
        try result.get()
    }
}
