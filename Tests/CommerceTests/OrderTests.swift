import Commands
import Commerce
import JSONCoding
import Testing

@Suite("Orders")
struct OrderTests {
    let registry: Registry

    init() throws { self.registry = try Registry(CommerceService()) }

    private func order(
        total: String, items: String = #"[{"productId":"a","quantity":3,"price":0.1}]"#, user: String = "u1",
        currency: String = "EUR"
    ) -> String {
        #"{"orderId":"o1","userId":"\#(user)","items":\#(items),"totalAmount":\#(total),"currency":"\#(currency)"}"#
    }

    @Test("The total is the exact sum of the items")
    func sum() async throws {
        let items = #"[{"productId":"a","quantity":1,"price":0.1},{"productId":"b","quantity":1,"price":"0.2"}]"#
        let output = try await self.registry.run("order.create", self.order(total: "0.3", items: items))
        #expect(output["totalAmount"] == "0.30")
        #expect(output["status"] == "created")
        let problems = try await self.registry.problems("order.create", self.order(total: "0.31", items: items))
        #expect(problems == ["totalAmount invalid"])
    }

    @Test("An order is created once and cancelled once")
    func states() async throws {
        let json = self.order(total: "0.3")
        #expect(try await self.registry.failure("order.cancel", id: "1", json) == "rejected ORDER_NOT_FOUND")
        let created = try await self.registry.run("order.create", id: "2", json)
        #expect(try await self.registry.run("order.create", id: "2", json) == created)
        #expect(try await self.registry.failure("order.create", id: "3", json) == "rejected ORDER_ALREADY_EXISTS")
        #expect(
            try await self.registry.failure("order.cancel", id: "4", self.order(total: "0.3", user: "u2"))
                == "rejected ORDER_OF_ANOTHER_USER")
        let cancelled = try await self.registry.run("order.cancel", id: "5", json)
        #expect(cancelled["status"] == "cancelled")
        #expect(try await self.registry.run("order.cancel", id: "5", json) == cancelled)
        #expect(
            try await self.registry.failure("order.cancel", id: "6", json) == "rejected ORDER_ALREADY_CANCELLED")
    }

    @Test("Problems name the item, and an unsound item silences the sum")
    func items() async throws {
        let items = #"[{"productId":"","quantity":0,"price":1},{"productId":"b","quantity":1,"price":-1}]"#
        #expect(
            try await self.registry.problems("order.create", self.order(total: "99", items: items)) == [
                "items[0].productId required", "items[0].quantity range", "items[1].price range",
            ])
        let mistyped = #"[{"product_id":"a","quantity":"2","price":1.001}]"#
        #expect(
            try await self.registry.problems("order.create", self.order(total: "99", items: mistyped)) == [
                "items[0].price format", "items[0].quantity type",
            ])
        #expect(
            try await self.registry.problems("order.create", self.order(total: "0", items: "[]")) == ["items range"])
        #expect(
            try await self.registry.problems("order.create", self.order(total: "1", items: "{}")) == ["items type"])
    }

    @Test("An order of too many items is told so, and its items are not looked at")
    func tooMany() async throws {
        let item = #"{"productId":"","quantity":0,"price":-1}"#
        let items = "[" + Array(repeating: item, count: 1001).joined(separator: ",") + "]"
        #expect(
            try await self.registry.problems("order.create", self.order(total: "-1", items: items))
                == ["items range", "totalAmount range"])
    }

    @Test("What a database cannot keep is no text")
    func noNUL() async throws {
        let items = #"[{"productId":"a\u0000b","quantity":3,"price":0.1}]"#
        #expect(
            try await self.registry.problems("order.create", self.order(total: "0.3", items: items))
                == ["items[0].productId format"])
    }

    @Test("Snake case is understood in items too")
    func snakeCase() async throws {
        let output = try await self.registry.run(
            "order.create",
            #"""
            {"order_id":"o1","user_id":"u1","items":[{"product_id":"a","quantity":2,"price":"1.25"}],
            "total_amount":"2.50","currency":"EUR"}
            """#)
        #expect(output["orderId"] == "o1")
        #expect(output["totalAmount"] == "2.50")
    }
}
