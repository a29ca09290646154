import Foundation
import KafkaClient
import Logging
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

extension IntegrationTests {
    /// The tool with an index of dead letters, and without: both must give the same answers.
    @Suite(.serialized) struct DeadLetterIndexTests {
        private static let filters = [
            "", "code=B", "code!=B", "code~b", "message~\"MADE up\"", "key=k-3", "key!=k-3", "key=''", "id=c-17",
            "state=parked", "state!=parked", "replays>=2 class=permanent", "partition=1 offset>=5", "bytes>=4",
            "time>=2026-05-04", "time<=2026-05-03", "age>=1s", "origin=lab.commands/2/17", "topic=lab.commands",
            "format=adjutant", "format!=adjutant", "attempts!=1", "attempts=1", "first<=2h", "domain=lab type~RUN",
            "class=unknown", "class!=unknown", "class~UNKN", "class!=permanent",
            "domain!=lab", "group~lab fingerprint!=''",
        ]

        private static func withServer(_ body: (PostgresServer) async throws -> Void) async throws {
            let programs = try #require(OutboxLab.programs)
            let server = try await PostgresServer.start(programs, settings: ["max_connections": "20"])
            do {
                try await PostgresMigrator(
                    PostgresMigration.adjutant, configuration: PostgresConfiguration(url: server.url), logger: .silent
                ).up()
                try await body(server)
                await server.remove()
            } catch {
                await server.remove()
                throw error
            }
        }

        private static func count(_ server: PostgresServer, _ condition: PostgresStatement) async throws -> Int {
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: server.url), logger: .silent)
            defer { connection.close() }
            return try await connection.query(condition).only.get(0)
        }

        /// Asks with the index and without.
        private static func compare(_ lab: Lab, _ index: [String: String], _ filters: [String]) throws {
            for filter in filters {
                for command in [["list"], ["list", "--oldest", "--limit", "7"], ["groups"]] {
                    func ask(_ settings: [String: String]) throws -> DltResult {
                        let program = try lab.startDlt(
                            command + ["--filter", filter, "-o", "json"], settings: settings)
                        defer { program.killNow() }
                        let code = try program.waitForExit(seconds: 90)
                        return DltResult(code: code, output: program.output.all, errors: program.errors.all)
                    }
                    let (quick, slow) = (try ask(index), try ask([:]))
                    #expect(quick.code == slow.code && quick.output == slow.output, "\(command) \(filter)")
                    #expect(quick.said == slow.said, "\(command) \(filter)")
                }
            }
        }

        private static func fill(_ lab: Lab, _ numbers: Range<Int>) throws {
            for index in numbers {
                try lab.park(
                    "c-\(index)", key: index % 4 == 0 ? nil : "k-\(index % 5)", code: ["A", "B", "b%_"][index % 3],
                    value: String(repeating: "x", count: index % 9), replays: index % 4,
                    origin: ("lab.commands", index % 3, index))
            }
            try lab.sender.flush()
        }

        @Test(
            "Lists and groups are the same, whatever was done meanwhile",
            .enabled(if: OutboxLab.isInstalled, OutboxLab.hint))
        func sameAnswers() async throws {
            try await Self.withServer { server in
                let index = ["ADJUTANT_DATABASE_URL": server.url]
                try await Lab.with(partitions: 3) { lab in
                    try Self.fill(lab, 0..<60)
                    for letter in ForeignLetter.all {
                        try lab.sender.send(
                            key: Array(letter.name.utf8), value: letter.value, headers: letter.headers, to: "lab.dlt")
                    }
                    try lab.sender.flush()
                    try Self.compare(lab, index, Self.filters)
                    #expect(try lab.dlt("replay", "--filter", "code=A", "--execute", "--reason", "x").code == 0)
                    #expect(try lab.dlt("discard", "--filter", "key=k-2", "--execute", "--reason", "x").code == 0)
                    #expect(try lab.dlt("restore", "--filter", "id=c-2", "--execute", "--reason", "x").code == 0)
                    try Self.fill(lab, 60..<80)
                    try Self.compare(lab, index, ["", "state=parked", "state=replayed", "state=discarded"])
                }
                #expect(try await Self.count(server, "SELECT count(*) FROM adjutant.dead_letters") == 85)
                // Another cluster, as a topic that was made anew: with other letters in the same places.
                try await Lab.with(partitions: 3) { lab in
                    try Self.fill(lab, 100..<120)
                    try Self.compare(lab, index, ["", "state=parked"])
                }
                #expect(try await Self.count(server, "SELECT count(*) FROM adjutant.dead_letters") == 20)
            }
        }

        @Test(
            "What the index says is what is shown, but where it cannot say all, or is not there",
            .enabled(if: OutboxLab.isInstalled, OutboxLab.hint))
        func source() async throws {
            try await Self.withServer { server in
                let index = ["ADJUTANT_DATABASE_URL": server.url]
                let connection = try await PostgresConnection.connect(
                    PostgresConfiguration(url: server.url), logger: .silent)
                defer { connection.close() }
                // Made up, so that it is known where an answer comes from.
                try await connection.script(
                    """
                    CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN NEW.message := 'from the index'; RETURN NEW; END $$;
                    CREATE TRIGGER mark BEFORE INSERT ON adjutant.dead_letters FOR EACH ROW EXECUTE FUNCTION mark();
                    """)
                try await connection.script(
                    """
                    INSERT INTO adjutant.commands (domain, id, type, state, class, code, attempts, dead_lettered,
                        received_at, started_at, finished_at, run)
                    SELECT 'lab', 'c-1', 'lab.run', 'failed', 'exhausted', 'BUSY', 3, true, now(), now(), now(), 1;
                    """)
                try await Lab.with(partitions: 3) { lab in
                    func messages(_ arguments: String...) throws -> Set<String> {
                        let program = try lab.startDlt(["list", "-o", "json"] + arguments, settings: index)
                        defer { program.killNow() }
                        #expect(try program.waitForExit(seconds: 90) == 0, "\(program.tail)")
                        let result = DltResult(code: 0, output: program.output.all, errors: [])
                        return Set(result.rows.compactMap { $0["message"] as? String })
                    }
                    try Self.fill(lab, 0..<3)
                    #expect(try messages() == ["from the index"])
                    let shown = try lab.dlt("show", "c-1", "-o", "json", settings: index).rows.first
                    let events = shown?["events"] as? [[String: Any]]
                    #expect(shown?["eventsFrom"] as? String == "history" && events?.last?["attempt"] as? Int == 3)
                    let other = try lab.dlt("show", "c-2", "-o", "json", settings: index).rows.first
                    #expect(other?["eventsFrom"] as? String == "audit")
                    #expect(try messages("--no-index").isDisjoint(with: ["from the index"]))
                    // A key that is no text: the index knows that it does not know.
                    try lab.sender.send(key: [0xff, 0x00], value: nil, headers: [("x", [0])], to: "lab.dlt")
                    try lab.sender.flush()
                    #expect(try messages().isDisjoint(with: ["from the index"]))
                }
                try await connection.script("DROP SCHEMA adjutant CASCADE")
                try await Lab.with(partitions: 3) { lab in
                    try Self.fill(lab, 0..<3)
                    let list = try lab.dlt("list", "-o", "json", settings: index)
                    #expect(list.code == 0 && list.rows.count == 3 && list.said.contains("migrations"), "\(list.said)")
                }
            }
        }
    }
}
