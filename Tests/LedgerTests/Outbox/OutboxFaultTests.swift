import Foundation
import PortConformance
import PostgresClient
import Processor
import Synchronization
import Testing

@testable import Ledger

@Suite("Outbox faults", .timeLimit(.minutes(10)))
struct OutboxFaultTests {
    /// Numbers that come again the same in every run.
    private struct Dice {
        private var state: UInt64

        init(seed: UInt64) { self.state = seed }

        mutating func roll(_ sides: Int) -> Int {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((self.state >> 33) % UInt64(sides))
        }
    }

    @Test(
        "whatever fails and however often, everything arrives, and nothing before what was put ahead of it",
        arguments: [1, 2, 3] as [UInt64])
    func anything(seed: UInt64) async throws {
        let database = try await Database.make()
        var dice = Dice(seed: seed)
        let store = MemoryStore { _, _ in
            switch dice.roll(400) {
            case 0: (.unknown, false)
            // The answer was lost, not the record.
            case 1: (.unknown, true)
            case 2: (.refused("closed"), false)
            case 3: (.unacceptable("with others"), false)
            default: (.delivered, true)
            }
        }
        try await database.connection.query(
            """
            INSERT INTO adjutant.outbox (topic, key, value)
            SELECT 't' || k % 3, convert_to('k' || k, 'UTF8'), convert_to(n::text, 'UTF8')
            FROM generate_series(0, 99) n, generate_series(0, 49) k
            """)
        var settings = OutboxSettings()
        settings.refusalDelay = .milliseconds(1)
        settings.lastRefusalDelay = .milliseconds(5)
        settings.groupRows = 700
        try await self.run(database, settings, store) {
            try await self.isEmpty(database)
        }
        let aside = try await database.connection.query("SELECT key, value FROM adjutant.outbox_refused").map {
            PlainRecord(key: try $0.get(0), value: try $0.get(1))
        }
        for topic in 0..<3 {
            var next: [[UInt8]: Int] = [:]
            for record in store.records(of: "t\(topic)") {
                let key = try #require(record.key)
                // Records that were put aside are left out.
                while aside.contains(where: { $0.key == key && $0.number == next[key, default: 0] }) {
                    next[key, default: 0] += 1
                }
                let number = try #require(record.number)
                #expect(number <= next[key, default: 0], "a record came before one that was put ahead of it")
                next[key] = max(next[key, default: 0], number + 1)
            }
            for (key, count) in next {
                let late = aside.count { $0.key == key && ($0.number ?? 0) >= count }
                #expect(count + late == 100)
            }
        }
        #expect(
            Set((0..<3).flatMap { store.records(of: "t\($0)") }.map(\.description)).count + aside.count
                >= 5000)
    }

    @Test("an outcome that is too large leaves as a note of its size")
    func truncated() async throws {
        let database = try await Database.make()
        let store = MemoryStore { record, _ in
            (record.value?.count ?? 0) > 1000 ? (.unacceptable("large"), false) : (.delivered, true)
        }
        try await database.connection.query(
            """
            INSERT INTO adjutant.outbox (topic, key, value)
            SELECT t, 'k', convert_to(repeat('x', 5000), 'UTF8') FROM unnest('{lab.results,other}'::text[]) t
            """)
        var settings = OutboxSettings()
        settings.truncatable = ["lab.results"]
        try await self.run(database, settings, store) { try await self.isEmpty(database) }
        #expect(store.records(of: "lab.results").map(\.value) == [Array(#"{"truncated":true,"bytes":5000}"#.utf8)])
        let topics = try await OutboxStatus.read(from: database.connection).topics
        #expect(topics.map(\.name) == ["other"])
        #expect(topics.map(\.putAside) == [1])
    }

    @Test("a row with headers that make no sense is put aside, and holds up nobody")
    func oddHeaders() async throws {
        let database = try await Database.make()
        let store = MemoryStore()
        try await database.connection.query(
            """
            INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values) VALUES
                ('t', 'k', '1', '{a}', '{a}'), ('t', 'k', '2', '{{a,b}}', '{{a,b}}'), ('t', 'k', '3', '{NULL}', '{a}'),
                ('t', 'k', '4', '{a,a}', '{NULL,""}'), ('t', NULL, NULL, '{}', '{}')
            """)
        try await self.run(database, OutboxSettings(), store) { try await self.isEmpty(database) }
        #expect(store.records(of: "t").map { $0.number ?? 0 }.sorted() == [0, 1, 4])
        let last = try #require(store.records(of: "t").first { $0.number == 4 })
        #expect(last.headers == [.init(name: "a", value: nil), .init(name: "a", value: [])])
        let aside = try await database.connection.query("SELECT value FROM adjutant.outbox_refused ORDER BY id")
        #expect(try aside.map { try $0.get(0, as: [UInt8].self) } == [Array("2".utf8), Array("3".utf8)])
    }

    @Test("notifications are lost, since the relay cannot listen any more: it looks for itself")
    func deaf() async throws {
        let database = try await Database.make()
        let name: String = try await database.connection.query("SELECT current_database()").only.get(0)
        let server = try await PostgresConnection.connect(
            PostgresConfiguration(url: database.url.replacing("/\(name)", with: "/postgres")), logger: Database.logger)
        defer { server.close() }
        let store = MemoryStore()
        var settings = OutboxSettings()
        settings.pollInterval = .seconds(600)
        let hasPut = Mutex(false)
        try await self.run(database, settings, store) {
            if hasPut.withLock({ $0 }) { return try await self.isEmpty(database) }
            let isAsleep: PostgresStatement = "SELECT count(*) FROM adjutant.outbox_relays WHERE is_asleep"
            let listeners: PostgresStatement = """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'
                """
            guard try await database.count(isAsleep) == 1, try await database.count(listeners) == 1 else {
                return false
            }
            // Whoever has a connection keeps it, and nobody gets another one.
            try await server.script("ALTER DATABASE \(name) ALLOW_CONNECTIONS false")
            _ = try await database.count(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%'
                """)
            try await database.wait(for: 0, listeners)
            try await database.connection.query("INSERT INTO adjutant.outbox (topic, value) VALUES ('t', '1')")
            hasPut.withLock { $0 = true }
            return false
        }
        #expect(store.records(of: "t").count == 1)
    }

    private func isEmpty(_ database: Database) async throws -> Bool {
        try await database.connection.query("SELECT NOT EXISTS (SELECT FROM adjutant.outbox)").only.get(0)
    }

    /// Runs a relay until the condition holds.
    private func run(
        _ database: Database, _ settings: OutboxSettings, _ store: MemoryStore, until: () async throws -> Bool
    ) async throws {
        let relay = OutboxRelay(
            configuration: database.configuration, settings: settings, logger: Database.logger
        ) { MemoryRecordSender(receiver: $0, store: store) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await relay.run() }
            while try await !until() { try await Task.sleep(for: .milliseconds(10)) }
            relay.stop()
            try await tasks.waitForAll()
        }
    }
}
