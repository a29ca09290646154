import Commands
import Foundation
import Ledger
import Logging
import PostgresClient

/// What the database does at most: rows like those of the inbox, with the same indexes, by COPY and nothing else.
struct CeilingMeasurement: Sendable {
    struct Server: Sendable {
        var version: String
        var fsync: String
        var synchronousCommit: String
        var summary: String {
            "PostgreSQL \(self.version), fsync \(self.fsync), synchronous_commit \(self.synchronousCommit)"
        }
    }

    /// Rows in one transaction.
    static let group = 512
    private static let connections = 2

    private let configuration: PostgresConfiguration
    private let logger: Logger

    init(url: String, logger: Logger) throws {
        self.configuration = try PostgresConfiguration(url: url)
        self.logger = logger
    }

    private func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(self.configuration, logger: self.logger)
    }

    func server() async throws -> Server {
        let row = try await self.connect().query(
            """
            SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')
            """
        ).only
        return Server(version: try row.get(0), fsync: try row.get(1), synchronousCommit: try row.get(2))
    }

    /// Brings the schema up to date.
    ///
    /// - Throws: ``ToolError`` when the database has something to send, which the measured run would send to a broker that
    ///   is thrown away.
    func prepare() async throws {
        try await PostgresMigrator(
            PostgresMigration.adjutant, configuration: self.configuration, logger: self.logger
        ).up()
        let isInUse: Bool = try await self.connect().query(
            """
            SELECT EXISTS (SELECT FROM adjutant.outbox)
                OR EXISTS (SELECT FROM adjutant.schedules WHERE next_due IS NOT NULL AND cancelled_at IS NULL)
            """
        ).only.get(0)
        guard !isInUse else {
            throw ToolError(
                .denied,
                "the database has records in its outbox or schedules to come, which the run would send to its own broker; "
                    + "name a database that nobody else uses")
        }
    }

    /// Rows a second.
    func run(count: Int) async throws -> Double {
        let connection = try await self.connect()
        try await connection.script(
            """
            DROP TABLE IF EXISTS adjutant.bench_ceiling;
            CREATE TABLE adjutant.bench_ceiling (LIKE adjutant.commands INCLUDING ALL);
            """)
        let sample = try await connection.query(
            "SELECT output, key FROM adjutant.commands WHERE domain = 'lab' AND state = 'succeeded' LIMIT 1"
        ).first
        let output: [UInt8] = try sample?.get(0) ?? []
        let share = count / Self.connections
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.connections { group.addTask { try await self.load(share, output: output) } }
            try await group.waitForAll()
        }
        let time = ContinuousClock.now - start
        // A ceiling of rows that are not there would be none.
        let there: Int = try await connection.query("SELECT count(*) FROM adjutant.bench_ceiling").only.get(0)
        try await connection.script("DROP TABLE adjutant.bench_ceiling")
        guard there == share * Self.connections else {
            throw ToolError(.error, "the ceiling was to load \(share * Self.connections) rows, and \(there) are there")
        }
        return Double(share * Self.connections) / (time / .seconds(1))
    }

    private func load(_ count: Int, output: [UInt8]) async throws {
        let connection = try await self.connect()
        var left = count
        while left > 0 {
            let rows = min(left, Self.group)
            try await connection.copyIn(Self.copy) { writer in
                let now = BenchClock.wall()
                for index in 0..<rows { try await writer.write(Self.row(left - index, now: now, output: output)) }
            }
            left -= rows
        }
    }

    private static let copy: PostgresStatement = """
        COPY adjutant.bench_ceiling (domain, id, type, key, state, attempts, dead_lettered, replays, worker,
            origin_topic, origin_partition, origin_offset, received_at, started_at, finished_at, run, output)
        FROM STDIN (FORMAT binary)
        """

    private static func row(_ number: Int, now: Int64, output: [UInt8]) -> [PostgresValue] {
        let time = PostgresValue.timestamp(PostgresTimestamp(microseconds: now))
        return [
            .text("lab"), .text(Identifier.commandID(at: now)), .text("lab.run"), .text("key-\(number % 1000)"),
            .text("succeeded"), .int4(1), .bool(false), .int4(0), .text("worker"), .text("lab.commands"),
            .int4(Int32(number % 64)), .int64(Int64(number)), time, time, time, .int64(Int64(number)), .bytes(output),
        ]
    }
}
