import Testing

@testable import PostgresClient

@Suite("Values, errors and settings")
struct ValueTests {
    @Test("an array in PostgreSQL's binary form")
    func array() {
        var buffer: [UInt8] = []
        PostgresArray(["ab", nil] as [String?]).encode(into: &buffer)
        #expect(
            buffer == [
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 97, 98, 255, 255, 255, 255,
            ])
        buffer = []
        PostgresArray([Int64]()).encode(into: &buffer)
        #expect(buffer == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20])
        buffer = []
        PostgresArray([true, false]).encode(into: &buffer)
        #expect(
            buffer == [
                0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0,
            ])
    }

    @Test("malformed arrays and lengths are refused")
    func malformed() {
        var buffer: [UInt8] = []
        PostgresArray(["abc", "d"]).encode(into: &buffer)
        for count in 0..<buffer.count {
            #expect(throws: PostgresDecodingFailure.self) {
                try buffer.prefix(count).withUnsafeBytes { try [String].decode($0, type: PostgresType.text.array) }
            }
        }
        #expect(throws: PostgresDecodingFailure.self) {
            try buffer.withUnsafeBytes { try [Int64].decode($0, type: PostgresType.int8.array) }
        }
        var huge = buffer
        huge[12] = 0x7f
        #expect(throws: PostgresDecodingFailure.self) {
            try huge.withUnsafeBytes { try [String].decode($0, type: PostgresType.text.array) }
        }
    }

    @Test("moments, infinity and what does not fit", arguments: [0, 946_684_800_000_000, -1, .max, .min] as [Int64])
    func moments(_ microseconds: Int64) {
        let moment = PostgresTimestamp(microseconds: microseconds)
        #expect(PostgresTimestamp(wire: moment.wire) == moment)
    }

    @Test(
        "what a caller can do about an error",
        arguments: [
            ("40001", .retry), ("40P01", .retry), ("55P03", .retry), ("26000", .retry), ("57014", .timeout),
            ("57P01", .reconnect), ("57P03", .reconnect), ("08006", .reconnect), ("25006", .reconnect),
            ("25P03", .reconnect), ("53100", .resources), ("53300", .resources), ("58030", .resources),
            ("23505", .constraint("c")), ("42601", .fatal), ("22P02", .fatal), ("28P01", .fatal), ("25P02", .fatal),
        ] as [(String, PostgresError.Kind)])
    func kinds(_ state: String, _ kind: PostgresError.Kind) {
        #expect(SQLState(rawValue: state).kind(constraint: "c") == kind)
    }

    @Test("a refusal to connect, with and without a code")
    func connecting() {
        let refused = PostgresError.connecting(
            "connection to server at \"h\", port 1 failed: FATAL:  28P01: no\nLOCATION:  x")
        #expect(refused.sqlState?.rawValue == "28P01" && refused.kind == .fatal)
        #expect(
            refused.description
                == "cannot connect to the database: connection to server at \"h\", port 1 failed: FATAL:  no (SQLSTATE 28P01)"
        )
        let unreachable = PostgresError.connecting("connection to server failed: Connection refused\n\tIs it running?")
        #expect(unreachable.sqlState == nil && unreachable.kind == .reconnect)
    }

    @Test("settings pass through to libpq; limits hold whatever the URL says; secrets are not shown")
    func configuration() throws {
        var configuration = try PostgresConfiguration(
            url: "postgres://me:canary@db.example:5433/shop?sslmode=verify-full&options=-c%20work_mem%3D1MB")
        configuration.lockTimeout = .microseconds(1)
        let parameters = Dictionary(configuration.parameters.map { ($0.keyword, $0.value) }) { _, last in last }
        #expect(parameters["sslmode"] == "verify-full")
        #expect(parameters["port"] == "5433")
        #expect(parameters["password"] == "canary")
        #expect(
            parameters["options"]
                == "-c jit=off -c work_mem=1MB -c idle_in_transaction_session_timeout=15000 -c lock_timeout=1 -c statement_timeout=30000"
        )

        #expect(!"\(configuration)".contains("canary"))
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: "postgres://me:canary@[::1") }
        #expect(error.map { !"\($0)".contains("canary") } == true)
    }

    @Test("what a transaction sends, and when")
    func transaction() {
        func texts(_ calls: [PostgresCall]) -> [String] { calls.map(\.statement.text) }
        var state = TransactionState(begin: "BEGIN")
        let outer = state.beginSavepoint()
        let unused = state.beginSavepoint()
        #expect(texts(state.rollBackSavepoint(unused)) == [])
        let first = state.statements(for: [PostgresCall("SELECT 1")])
        #expect(texts(first.calls) == ["BEGIN", "SAVEPOINT a1_1", "SELECT 1"])
        #expect(first.before == 2)
        let inner = state.beginSavepoint()
        _ = state.statements(for: [PostgresCall("SELECT 2")])
        state.failed(PostgresError(code: .server, kind: .fatal, message: ""))
        #expect(texts(state.rollBackSavepoint(inner)) == ["ROLLBACK TO SAVEPOINT a2_3", "RELEASE SAVEPOINT a2_3"])
        #expect(state.failure == nil)
        state.releaseSavepoint(outer)
        #expect(texts(state.statements(for: [PostgresCall("COMMIT")]).calls) == ["RELEASE SAVEPOINT a1_1", "COMMIT"])
    }

    @Test("what was refused before it was sent is still to be sent")
    func unsent() {
        func texts(_ calls: [PostgresCall]) -> [String] { calls.map(\.statement.text) }
        var state = TransactionState(begin: "BEGIN")
        let first = state.beginSavepoint()
        _ = state.statements(for: [PostgresCall("SELECT 1")])
        state.releaseSavepoint(first)
        let second = state.beginSavepoint()
        let refused = state.statements(for: [PostgresCall("SELECT 2")])
        state.notSent(refused.calls[..<refused.before])
        #expect(texts(state.rollBackSavepoint(second)) == [])
        #expect(texts(state.statements(for: [PostgresCall("COMMIT")]).calls) == ["RELEASE SAVEPOINT a1_1", "COMMIT"])
    }

    @Test("a statement that is called with more parameters than before, one of them null")
    func surplus() {
        var cache = StatementCache()
        _ = cache.plan(for: PostgresCall("SELECT $1", [.text("a")]))
        let plan = cache.plan(for: PostgresCall("SELECT $1", [.text("a"), .null]))
        #expect(plan == .prepare(name: "a2", types: [.text, .inferred]))
    }
}
