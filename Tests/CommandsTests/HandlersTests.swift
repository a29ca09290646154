import Testing

@testable import Commands

/// From the data's bytes to the output's, through the registry.
@Suite struct HandlersTests {
    private var orders: Handlers {
        var handlers = Handlers()
        handlers.on(Counting(bonus: 100))
        return handlers
    }

    private static let good =
        #"{"orderId":"o","items":[{"productId":"p","quantity":2},{"productId":"q","quantity":3}]}"#

    @Test func aHandlerRunsFromJSONToJSON() async throws {
        #expect(try await call(self.orders, Self.good) == #"{"total":105}"#)
    }

    @Test func snakeCaseIsUnderstood() async throws {
        let data = #"{"order_id":"o","user_id":"u","items":[{"product_id":"p","quantity":2}]}"#
        #expect(try await call(self.orders, data) == #"{"total":102}"#)
    }

    @Test func allProblemsComeAtOnce() async throws {
        let data = #"{"orderId":7,"items":[{"productId":"p","quantity":0},{"quantity":"many"}]}"#
        let answer = try await call(self.orders, data)
        #expect(answer.hasPrefix("invalid INVALID: "))
        for path in ["items[0].quantity range", "items[1].productId", "items[1].quantity", "orderId"] {
            #expect(answer.contains(path), "\(path) in \(answer)")
        }
        let rules = #"{"orderId":"","items":[{"productId":"p","quantity":-1}]}"#
        #expect(try await call(self.orders, rules) == "invalid INVALID: items[0].quantity range, orderId empty")
    }

    @Test(arguments: ["null", "[]", "5", #""text""#, "{}"])
    func jsonThatDoesNotFitIsInvalid(data: String) async throws {
        #expect(try await call(self.orders, data).hasPrefix("invalid INVALID: "))
    }

    @Test(arguments: [
        ("", "BAD_JSON"), ("{", "BAD_JSON"), ("{} {}", "BAD_JSON"), ("{'a':1}", "BAD_JSON"), ("NaN", "BAD_JSON"),
        (#"{"orderId":"a","orderId":"b","items":[]}"#, "DUPLICATE_KEY"),
        (#"{"items":[],"more":{"a":1,"\u0061":2}}"#, "DUPLICATE_KEY"), (#""\ud800""#, "BAD_JSON"),
    ])
    func whatIsNoJSONIsPoison(data: String, code: String) async throws {
        #expect(try await call(self.orders, data) == "poison \(code)")
    }

    @Test(arguments: [
        (63, "invalid"), (64, "invalid"), (65, "poison JSON_TOO_DEEP"), (100_000, "poison JSON_TOO_DEEP"),
    ])
    func depthIsLimited(depth: Int, answer: String) async throws {
        let data = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(try await call(self.orders, data).hasPrefix(answer))
    }

    @Test(arguments: [
        "application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "text/json",
        "application/vnd.orders+json", nil,
    ])
    func theseContentTypesAreJSON(type: String?) async throws {
        #expect(try await call(self.orders, Self.good, contentType: type) == #"{"total":105}"#)
    }

    @Test(arguments: ["text/plain", "application/jsonl", "application/xml", "json", ""])
    func theseContentTypesAreNot(type: String) async throws {
        #expect(try await call(self.orders, Self.good, contentType: type) == "poison UNSUPPORTED_CONTENT_TYPE")
    }

    @Test func whatAHandlerThrowsComesThrough() async throws {
        var handlers = Handlers()
        handlers.on(PlaceOrder.self) { _, _ in throw CommandError.rejected("SOLD_OUT") }
        #expect(try await call(handlers, Self.good) == "rejected SOLD_OUT: ")
    }

    @Test func anOutputThatIsNoJSONIsPermanent() async throws {
        struct Measure: Command {
            static let type: CommandType = "test.measure"
            struct Output: Encodable, Sendable { var value = Double.nan }
        }
        var handlers = Handlers()
        handlers.on(Measure.self) { _, _ in Measure.Output() }
        #expect(try await call(handlers, "{}") == "permanent OUTPUT_NOT_ENCODABLE: ")
    }

    @Test func withoutAnOutputTheResultIsEmpty() async throws {
        struct Ping: Command {
            static let type: CommandType = "test.ping"
        }
        var handlers = Handlers()
        handlers.on(Ping.self) { _, _ in NoOutput() }
        #expect(try await call(handlers, "{}") == "{}")
    }

    @Test func registeringTwiceIsAnError() throws {
        var handlers = self.orders
        #expect(throws: Never.self) { try handlers.registry() }
        handlers.on(PlaceOrder.self) { _, _ in PlaceOrder.Output(total: 0) }
        let error = #expect(throws: RegistrationError.self) { try handlers.registry() }
        #expect(error?.message.contains("order.place") == true)
    }

    @Test func aTypeWithoutANameIsAnError() {
        struct Nameless: Command {
            static let type: CommandType = ""
        }
        var handlers = Handlers()
        handlers.on(Nameless.self) { _, _ in NoOutput() }
        #expect(throws: RegistrationError.self) { try handlers.registry() }
    }

    @Test func typesAreFoundByTheirExactName() throws {
        let registry = try self.orders.registry()
        #expect(registry.find("order.place") == 0)
        for name in ["", "order", "order.places", "Order.place", "order.place "] { #expect(registry.find(name) == nil) }
        let bytes = Array("xxorder.placexx".utf8)
        bytes.withUnsafeBufferPointer {
            #expect(registry.find(UnsafeBufferPointer(rebasing: $0[2..<13])) == 0)
            #expect(registry.find(UnsafeBufferPointer(rebasing: $0[1..<12])) == nil)
        }
    }

    @Test func policiesCanBeChangedAtStart() throws {
        var registry = try self.orders.registry()
        registry.updatePolicies { type, policy in
            if type == "order.place" { policy.retry.attempts = 9 }
        }
        #expect(registry.entries[0].policy.retry.attempts == 9)
        #expect(registry.find("order.place") == 0)
    }

    /// More types than the table has places at first, and names that are parts of each other.
    @Test(arguments: [0, 1, 4, 5, 100, 1000]) func everyTypeIsFoundAndNoOther(count: Int) throws {
        let policy = CommandPolicy()
        let entries = (0..<count).map { index in
            HandlerEntry(type: CommandType("a.\(index)"), policy: policy) { (_: PlaceOrder, _: CommandContext) in
                PlaceOrder.Output(total: 0)
            }
        }
        let registry = HandlerRegistry(entries: entries)
        for index in 0..<count { #expect(registry.find("a.\(index)") == index) }
        for name in ["", "a", "a.", "a.\(count)", "b.0", "a.00", "a.0 "] { #expect(registry.find(name) == nil) }
    }
}
