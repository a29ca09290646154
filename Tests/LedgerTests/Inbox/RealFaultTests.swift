import Commands
import Foundation
import PostgresClient
import PostgresServer
import Processor
import Synchronization
import Testing

@testable import Ledger

/// Faults as the server itself makes them, rather than errors of their kinds: none of them uses up an attempt, loses an
/// effect, or has it twice.
@Suite(.timeLimit(.minutes(10))) struct RealFaultTests {
    private func withIsolation(
        _ isolation: PostgresIsolation, _ body: (Inbox) async throws -> Void
    ) async throws {
        try await Inbox.with {
            $0.transactions = 2
            $0.isolation = isolation
        } _: { inbox in
            try await inbox.database.connection.script("INSERT INTO balances VALUES ('x', 1), ('y', 1)")
            try await body(inbox)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.commands WHERE attempts = 1") == 2)
            #expect(try await inbox.database.count("SELECT count(*) FROM adjutant.events") == 0)
        }
    }

    @Test("repeatable read: who writes what another one has written since is undone, and made again")
    func lostUpdate() async throws {
        try await self.withIsolation(.repeatableRead) { inbox in
            let add: @Sendable (any CommandTransaction, Moment?, Moment?) async throws -> Void = {
                transaction, hasRead, mayWrite in
                let rows = try await transaction.query("SELECT amount FROM balances WHERE id = 'x'")
                await hasRead?.come()
                await mayWrite?.wait()
                try await transaction.query(
                    "UPDATE balances SET amount = $1 WHERE id = 'x'", [.int((rows.first?["amount"].int ?? 0) + 1)])
            }
            let (hasRead, mayWrite) = (Moment(), Moment())
            async let slow = inbox.run(try inbox.command("slow")) { try await add($0, hasRead, mayWrite) }
            await hasRead.wait()
            let quick = await inbox.run(try inbox.command("quick", offset: 1)) { try await add($0, nil, nil) }
            #expect(quick.undone == 0 && quick.1.name == "recorded")
            await mayWrite.come()
            let (undone, verdict) = try await slow
            #expect(undone == 1 && verdict.name == "recorded")
            #expect(try await inbox.database.count("SELECT amount FROM balances WHERE id = 'x'") == 3)
        }
    }

    /// Each of them may take one away as long as two are left, and each sees two.
    @Test("serializable: of two that each rely on what the other one changes, one is undone and made again")
    func writeSkew() async throws {
        try await self.withIsolation(.serializable) { inbox in
            let take: @Sendable (any CommandTransaction, String, Moment, Moment) async throws -> Void = {
                transaction, mine, hasRead, otherHasRead in
                let rows = try await transaction.query("SELECT sum(amount)::int8 AS amount FROM balances")
                await hasRead.come()
                await otherHasRead.wait()
                guard rows.first?["amount"].int == 2 else { return }
                try await transaction.query("UPDATE balances SET amount = 0 WHERE id = $1", [.text(mine)])
            }
            let (one, two) = (Moment(), Moment())
            async let first = inbox.run(try inbox.command("one")) { try await take($0, "x", one, two) }
            async let second = inbox.run(try inbox.command("two", offset: 1)) { try await take($0, "y", two, one) }
            let (left, right) = try await (first, second)
            #expect(left.1.name == "recorded" && right.1.name == "recorded")
            #expect(left.undone + right.undone >= 1)
            #expect(try await inbox.database.count("SELECT sum(amount)::int8 FROM balances") == 1)
        }
    }

    @Test(
        "a disk that is full: commands wait until there is room, whether their handlers or the worker have to write",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.hint)"))
    func diskFull() async throws {
        let programs = try #require(PostgresPrograms.find(), "the programs of a PostgreSQL server are not installed")
        let disk = try SmallDisk(megabytes: 48, owner: programs.user)
        defer { disk.remove() }
        let server = try await PostgresServer.start(programs, settings: ["fsync": "off"])
        let result: Result<Void, any Error>
        do {
            result = .success(try await self.diskFull(disk, server))
        } catch {
            result = .failure(error)
        }
        await server.remove()
        try result.get()
    }

    private func diskFull(_ disk: SmallDisk, _ server: PostgresServer) async throws {
        let administrator = try await PostgresConnection.connect(
            PostgresConfiguration(url: server.url), logger: Database.logger)
        try await administrator.script("CREATE TABLESPACE small LOCATION '\(disk.directory.path)'")
        // New databases are copies of it, in its place.
        try await administrator.script("ALTER DATABASE template1 SET TABLESPACE small")
        administrator.close()
        let database = try await Database.make(on: server)
        try await Inbox.with(database) { inbox in
            try await database.connection.script("CREATE TABLE filler (bytes text)")
            try await Self.fill(database, blocks: 20_000)
            try await Self.fill(database, blocks: 100)
            let tries = Mutex(0)
            async let run = inbox.run(try inbox.command("writes")) { transaction in
                tries.withLock { $0 += 1 }
                try await transaction.effect("writes")
                try await transaction.emit(OutboxRecord(topic: "t", key: "k", value: [1], headers: []))
                try await transaction.query(
                    "INSERT INTO effects SELECT 'much', left(string_agg(md5(random()::text), ''), 1000000) FROM generate_series(1, 40000)"
                )
            }
            let large = (0..<400_000).map { _ in String(UInt8.random(in: 0...9)) }.joined()
            async let record = inbox.ledger.record(
                inbox.entry(try inbox.command("large", offset: 1), output: large), in: nil)
            while tries.withLock({ $0 }) < 4 { try await Task.sleep(for: .milliseconds(2)) }
            #expect(try await inbox.state("large") == nil)
            #expect(try await inbox.effects() == [])
            try await database.connection.script("DROP TABLE filler")
            let (undone, verdict) = try await run
            #expect(undone >= 3 && verdict.name == "recorded")
            #expect(try await record.name == "recorded")
            #expect(try await inbox.state("writes") == "succeeded 1")
            #expect(try await inbox.state("large") == "succeeded 1")
            #expect(try await database.count("SELECT count(*) FROM effects") == 2)
            #expect(try await database.count("SELECT count(*) FROM adjutant.outbox") == 1)
            #expect(try await database.count("SELECT count(*) FROM adjutant.events") == 0)
        }
    }

    /// Writes rows of so many blocks of 32 bytes until there is no room for another one.
    private static func fill(_ database: Database, blocks: Int) async throws {
        while true {
            do {
                try await database.connection.query(
                    "INSERT INTO filler SELECT string_agg(md5(random()::text), '') FROM generate_series(1, $1::int8)",
                    [.int(blocks)])
            } catch let error as PostgresError where error.sqlState == .diskFull {
                return
            }
        }
    }
}
