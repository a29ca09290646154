import Testing

@testable import PostgresClient

@Suite("Statement cache")
struct StatementCacheTests {
    private let insert: PostgresStatement = "INSERT INTO t VALUES ($1, $2)"

    @Test("a statement is prepared once")
    func once() {
        var cache = StatementCache()
        let call = PostgresCall(self.insert, [.int64(1), .text("a")])
        #expect(cache.plan(for: call) == .prepare(name: "a1", types: [.int8, .text]))
        #expect(cache.plan(for: call) == .execute(name: "a1"))
    }

    @Test("null fits any type, but a type that was inferred for null fits null only")
    func nulls() {
        var cache = StatementCache()
        #expect(
            cache.plan(for: PostgresCall(self.insert, [.int64(1), .null]))
                == .prepare(name: "a1", types: [.int8, .inferred]))
        #expect(
            cache.plan(for: PostgresCall(self.insert, [.null, .text("a")]))
                == .prepare(name: "a2", types: [.int8, .text]))
        #expect(cache.plan(for: PostgresCall(self.insert, [.null, .null])) == .execute(name: "a1"))
        #expect(cache.plan(for: PostgresCall(self.insert, [.int64(2), .text("b")])) == .execute(name: "a2"))
    }

    @Test("another type is another preparation")
    func types() {
        var cache = StatementCache()
        _ = cache.plan(for: PostgresCall(self.insert, [.int64(1), .text("a")]))
        #expect(
            cache.plan(for: PostgresCall(self.insert, [.int4(1), .text("a")]))
                == .prepare(name: "a2", types: [.int4, .text]))
    }

    @Test("what is forgotten is prepared again; what is over the limit is not kept")
    func limit() {
        var cache = StatementCache(limit: 1)
        let call = PostgresCall(self.insert, [.int64(1), .text("a")])
        _ = cache.plan(for: call)
        #expect(cache.plan(for: PostgresCall("SELECT 1")) == .once(types: []))
        cache.forget(name: "a1", text: self.insert.text)
        #expect(cache.plan(for: call) == .prepare(name: "a2", types: [.int8, .text]))
        #expect(
            cache.plan(for: PostgresCall(PostgresStatement(trusted: "SELECT 2", isPrepared: false))) == .once(types: [])
        )
    }
}
