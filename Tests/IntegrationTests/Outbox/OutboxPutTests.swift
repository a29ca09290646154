import Commands
import Foundation
import KafkaClient
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

@Suite("Outbox calls", .enabled(if: OutboxLab.isInstalled, OutboxLab.hint), .timeLimit(.minutes(10)))
struct OutboxPutTests {
    @Test("the article's SQL works as it stands, and a worker runs the command that it puts")
    func article() async throws {
        let page = Executable.packageRoot.appendingPathComponent("Sources/Adjutant/Documentation.docc/Outbox.md")
        let blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```sql\n").dropFirst()
            .map { $0.components(separatedBy: "\n```")[0] }
        #expect(blocks.count == 4)
        try await OutboxLab.with { lab in
            for block in blocks { try await lab.database.script(block) }
            let (broker, url) = (lab.broker, lab.server.url)
            try await blocking {
                let kafka = try Lab(hosting: broker)
                // The broker is the other lab's.
                defer {
                    kafka.journal.close()
                    kafka.sender.close()
                }
                let worker = try kafka.worker(settings: ["ADJUTANT_DATABASE_URL": url, "ADJUTANT_OUTBOX_LEASE": "2s"])
                try kafka.journal.waitForOutcomes(of: ["create-order-7"])
                let event = try #require(kafka.journal.now.outcomes["create-order-7"]?.first)
                #expect(event.type == "lab.run.succeeded")
                #expect(event.key == "order-7")
                #expect(event.header("ce_correlationid") == "cart-3")
                #expect(event.header("ce_actor") == "jo")
                #expect((event.data["echo"] as? [String: Any])?["order"] as? String == "order-7")
                // The records of the other examples.
                try kafka.journal.wait("the other records") { contents in
                    contents.events.filter { $0.topic == "lab.audit" && $0.type.isEmpty }.count >= 4
                }
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 90) == 0)
            }
            #expect(try await lab.left() == 0)
            try await self.writesAsRole(lab)
        }
    }

    /// The article's role can put records, and nothing else.
    private func writesAsRole(_ lab: OutboxLab) async throws {
        let put = "INSERT INTO adjutant.outbox (topic, key) VALUES ('out', NULL)"
        for (sql, isAllowed) in [
            (put, true), ("SELECT adjutant.outbox_put('out', 'k', '0')", true),
            ("SELECT adjutant.outbox_command('lab', 'lab.run', '{}')", true),
            ("SELECT value FROM adjutant.outbox", false), ("DELETE FROM adjutant.outbox", false),
            ("UPDATE adjutant.outbox SET key = NULL", false), ("SELECT relay FROM adjutant.outbox_relays", false),
        ] {
            let run = "SET ROLE shop_writer; \(sql)"
            if isAllowed {
                try await lab.database.script(run)
            } else {
                let error = await #expect(throws: PostgresError.self) { try await lab.database.script(run) }
                #expect(error?.sqlState == .insufficientPrivilege)
            }
        }
        try await lab.database.script("RESET ROLE")
    }

    @Test("records leave with a transaction's commit, in the order of the calls, and not at all without it")
    func transaction() async throws {
        struct Stop: Error {}
        try await OutboxLab.with { lab in
            try await lab.watching(keeps: true) { witness in
                try await lab.running(lab.relay()) {
                    func records(_ numbers: Range<Int>) -> [OutboxRecord] {
                        numbers.map {
                            OutboxRecord(
                                topic: "out", key: "k", value: Array("\($0)".utf8),
                                headers: [("ce_id", "\($0)"), ("empty", "")])
                        }
                    }
                    await #expect(throws: Stop.self) {
                        try await lab.database.transaction { transaction in
                            try await Outbox.put(records(0..<1), in: transaction)
                            throw Stop()
                        }
                    }
                    // More than one statement's worth, and a rest.
                    try await lab.database.transaction { transaction in
                        try await Outbox.put(records(0..<150), in: transaction)
                        try await Outbox.put(records(150..<151), in: transaction)
                        try await transaction.savepoint { try await Outbox.put(records(151..<160), in: $0) }
                    }
                    try await lab.wait("all records") { witness.distinct == 160 }
                }
                #expect(witness.now.faults.isEmpty)
                #expect(witness.now.records.count == 160)
                let first = try #require(witness.now.records.first)
                #expect(first.header(named: "ce_id").flatMap { first.text($0) } == "0")
                #expect(first.header(named: "empty")?.count == 0)
            }
        }
    }

    @Test("a command put by either call has an envelope that can be read")
    func envelope() async throws {
        try await OutboxLab.with(topics: [("lab.commands", 1)]) { lab in
            try await lab.watching([("lab.commands", 1)], keeps: true) { witness in
                try await lab.running(lab.relay()) {
                    try await lab.database.query(
                        """
                        SELECT adjutant.outbox_command('lab', 'lab.run', '{"a": 1}', id => 'one',
                            attributes => '{"partitionkey": "p", "notbefore": "2026-01-02T03:04:05Z"}')
                        """)
                    try await Outbox.putCommand(
                        "lab.run", data: Array(#"{"a":1}"#.utf8), to: "lab", key: "two-key", id: "two", source: "shop",
                        time: 1_700_000_000_123_000, attributes: ["tenant": "acme"], in: lab.database)
                    let random = try await lab.database.query("SELECT adjutant.outbox_command('lab', 'lab.run', '{}')")
                    #expect(try UUID(uuidString: random.only.get(0, as: String.self)) != nil)
                    try await lab.wait("the commands") { witness.now.records.count == 3 }
                }
                let reader = EnvelopeReader()
                let envelopes = try witness.now.records.map { try reader.read($0) }
                let one = try #require(envelopes.first { $0.id == "one" })
                #expect(one.type == "lab.run")
                #expect(one.text(.source) == "adjutant/outbox")
                #expect(one.orderingKeyText == "p")
                #expect(one.text(.notbefore) == "2026-01-02T03:04:05Z")
                #expect(one.microseconds(.time) != nil)
                let two = try #require(envelopes.first { $0.id == "two" })
                #expect(two.orderingKeyText == "two-key")
                #expect(two.text(.source) == "shop")
                #expect(two.microseconds(.time) == 1_700_000_000_123_000)
                #expect(two.text(.tenant) == "acme")
            }
        }
    }

    @Test("a command that no worker could read is refused where it is put, and says why")
    func refusedCommands() async throws {
        try await OutboxLab.with { lab in
            func put(_ arguments: String) async throws {
                try await lab.database.script("SELECT adjutant.outbox_command(\(arguments))")
            }
            try await lab.database.script(
                """
                CREATE FUNCTION pg_temp.refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
                BEGIN
                    EXECUTE call;
                    RETURN 'taken';
                EXCEPTION WHEN invalid_parameter_value THEN
                    RETURN SQLERRM;
                END
                $$
                """)
            for (arguments, expected) in [
                ("'lab', '', '{}'", "type must name"), ("'lab', NULL, '{}'", "type must name"),
                ("'', 't', '{}'", "domain must name"), ("'a b', 't', '{}'", "domain must name"),
                ("'lab', 't', NULL", "data must be JSON"), ("'lab', 't', '{}', id => ''", "1 to 128 bytes"),
                ("'lab', 't', '{}', id => repeat('ä', 65)", "1 to 128 bytes"),
                ("'lab', 't', '{}', source => ''", "source must not be empty"),
                ("'lab', 't', '{}', attributes => '[]'", "must be a JSON object"),
                ("'lab', 't', '{}', attributes => '{\"Bad-Name\": \"x\"}'", "attribute 'Bad-Name'"),
                ("'lab', 't', '{}', attributes => '{\"\": \"x\"}'", "attribute ''"),
                (
                    "'lab', 't', '{}', attributes => '{\"a\": 1, \"actor\": {\"name\": \"jo\"}}'",
                    "attribute actor must be text"
                ),
                ("'lab', 't', '{}', attributes => '{\"actor\": null}'", "attribute actor must be text"),
                ("'lab', 't', '{}', attributes => '{\"actor\": \"\"}'", "attribute actor must not be empty"),
                ("'lab', 't', '{}', attributes => '{\"id\": \"x\"}'", "attribute id is set"),
                (
                    "'lab', 't', '{}', attributes => '{\"notbefore\": \"soon\"}'",
                    "attribute notbefore must be an RFC 3339"
                ),
            ] {
                // The client keeps the server's words to itself.
                let said = try await lab.database.query(
                    "SELECT pg_temp.refusal($1)", [.text("SELECT adjutant.outbox_command(\(arguments))")]
                ).only.get(0, as: String.self)
                #expect(said.hasPrefix("adjutant.outbox_command: ") && said.contains(expected), "\(arguments): \(said)")
            }
            #expect(try await lab.left() == 0)
            try await put(
                "'lab', 't', 'null', attributes => '{\"tenant\": 7, \"expirytime\": \"2030-01-31t12:00:00.5+01:00\"}'")
            try await put("'lab', 't', '{}', id => repeat('x', 128), attributes => NULL")
            #expect(try await lab.left() == 2)
        }
    }

    @Test("status tells what waits, since when, and what is wrong; its exit code tells too")
    func status() async throws {
        try await OutboxLab.with { lab in
            try await lab.put(keys: 3, from: 0, count: 2)
            let url = lab.server.url
            func status(_ arguments: [String] = []) async throws -> (code: Int32, output: [String]) {
                try await blocking {
                    let program = try Program(
                        ["outbox", "status"] + arguments, environment: ["ADJUTANT_DATABASE_URL": url])
                    return (try program.waitForExit(seconds: 90), program.output.all)
                }
            }
            let before = try await status(["-o", "jsonl"])
            #expect(before.code == 0)
            #expect(before.output.count == 1)
            #expect(before.output.first?.contains(#""waiting":6"#) == true)
            try await lab.database.query(
                """
                INSERT INTO adjutant.outbox_topics (topic, reason, relay, until)
                VALUES ('closed', 'denied', 'r', clock_timestamp())
                """)
            let after = try await status()
            #expect(after.code == 2)
            #expect(after.output.contains { $0.hasPrefix("closed") && $0.hasSuffix("denied") })
        }
    }
}
