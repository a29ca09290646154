import Foundation
import KafkaClient
import KafkaTransport
import Logging
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

/// A database with an outbox, a broker, and a witness that reads what leaves.
final class OutboxLab: Sendable {
    let server: PostgresServer
    let broker: EmbeddedBroker
    let configuration: PostgresConfiguration
    let database: PostgresConnection

    static let programs = PostgresPrograms.find()
    static let isInstalled = OutboxLab.programs != nil
    static let hint: Comment = "skipped: the programs of a PostgreSQL server are not installed"

    private init(server: PostgresServer, broker: EmbeddedBroker, database: PostgresConnection) throws {
        self.server = server
        self.broker = broker
        self.configuration = try PostgresConfiguration(url: server.url)
        self.database = database
    }

    static func with<Result>(
        topics: [(name: String, partitions: Int)] = [("out", 16)], _ body: (OutboxLab) async throws -> Result
    ) async throws -> Result {
        let server = try await PostgresServer.start(
            #require(Self.programs), settings: ["max_connections": "40", "fsync": "off"])
        do {
            let database = try await PostgresConnection.connect(
                PostgresConfiguration(url: server.url), logger: .silent)
            try await PostgresMigrator(
                PostgresMigration.adjutant, configuration: PostgresConfiguration(url: server.url), logger: .silent
            ).up()
            let broker = try EmbeddedBroker(logger: .silent)
            try broker.createTopics(topics)
            let lab = try OutboxLab(server: server, broker: broker, database: database)
            defer { broker.close() }
            let result = try await body(lab)
            await server.remove()
            return result
        } catch {
            await server.remove()
            throw error
        }
    }

    var kafka: KafkaConfiguration {
        KafkaConfiguration([
            "bootstrap.servers": self.broker.bootstrapServers, "linger.ms": "5", "reconnect.backoff.max.ms": "200",
        ])
    }

    func relay(
        kafka change: [String: String] = [:], logger: Logger = .silent,
        _ edit: (inout OutboxSettings) -> Void = { _ in }
    ) -> OutboxRelay {
        var settings = OutboxSettings()
        settings.lease = .seconds(2)
        settings.refusalDelay = .milliseconds(100)
        settings.lastRefusalDelay = .milliseconds(500)
        edit(&settings)
        let kafka = KafkaConfiguration(self.kafka.properties.merging(change) { $1 })
        return OutboxRelay(configuration: self.configuration, settings: settings, logger: logger) { receiver in
            try KafkaRecordSender(configuration: kafka, receiver: receiver, logger: .silent)
        }
    }

    /// Runs the body beside these relays, and stops them gracefully.
    func running(_ relays: OutboxRelay..., body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for relay in relays { group.addTask { try await relay.run() } }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            for relay in relays { relay.stop() }
            try await group.waitForAll()
        }
    }

    /// A relay in a process of its own, once it runs.
    func relayProcess(_ settings: [String: String] = [:]) async throws -> Program {
        let environment = [
            "ADJUTANT_DATABASE_URL": self.server.url, "ADJUTANT_OUTBOX_LEASE": "2s",
            "ADJUTANT_KAFKA_PROPERTIES_RECONNECT_BACKOFF_MAX_MS": "200",
        ].merging(settings) { $1 }
        let bootstrap = self.broker.bootstrapServers
        return try await blocking {
            let program = try Program(["outbox", "relay", "-b", bootstrap], environment: environment)
            _ = try program.waitForOutput("ready")
            return program
        }
    }

    /// Runs `adjutant outbox …`; returns what it printed.
    @discardableResult
    func tool(_ arguments: String..., exit: Int32 = 0) async throws -> [String] {
        let environment = ["ADJUTANT_DATABASE_URL": self.server.url]
        return try await blocking {
            let program = try Program(["outbox"] + arguments, environment: environment)
            let code = try program.waitForExit(seconds: 90)
            guard code == exit else { throw HarnessError("exit \(code) where \(exit) was expected: \(program.tail)") }
            return program.output.all
        }
    }

    /// Puts numbered records for each of the keys `k0`, `k1`, …: each key's numbers go on where they ended.
    func put(
        _ topic: String = "out", keys: Int, from first: Int, count: Int, on session: (any PostgresSession)? = nil
    ) async throws {
        try await (session ?? self.database).query(
            """
            INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values)
            SELECT $1, convert_to('k' || k, 'UTF8'), convert_to(n::text, 'UTF8'), '{ce_id}',
                ARRAY[convert_to(k || '-' || n, 'UTF8')]
            FROM generate_series($2::int4, $2::int4 + $3::int4 - 1) n, generate_series(0, $4::int4 - 1) k
            """, [.text(topic), .int4(Int32(first)), .int4(Int32(count)), .int4(Int32(keys))])
    }

    /// Rows left in the outbox.
    func left(_ topic: String? = nil) async throws -> Int {
        try await self.database.query(
            "SELECT count(*) FROM adjutant.outbox WHERE $1::text IS NULL OR topic = $1",
            [.optional(topic) { .text($0) }]
        ).only.get(0)
    }

    /// Waits until a query's only value holds.
    func wait(
        _ what: String, seconds: Double = 180, until condition: () async throws -> Bool
    ) async throws {
        let limit = ContinuousClock.now + .seconds(seconds)
        while try await !condition() {
            guard ContinuousClock.now < limit else { throw HarnessError("waited in vain for \(what)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
