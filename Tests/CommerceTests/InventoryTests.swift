import Commands
import Commerce
import JSONCoding
import Testing

@Suite("Inventory")
struct InventoryTests {
    let registry: Registry

    init() throws { self.registry = try Registry(CommerceService()) }

    private func data(_ quantity: Int, _ product: String = "a") -> String {
        #"{"productId":"\#(product)","quantity":\#(quantity),"reason":"r"}"#
    }

    @Test("Reserving stops at the stock, releasing at what is reserved")
    func bounds() async throws {
        let reserved = try await self.registry.run("inventory.reserve", id: "1", self.data(60))
        #expect(reserved["onHand"] == .integer(Stock.initialQuantity))
        #expect(reserved["available"] == 40)
        #expect(
            try await self.registry.failure("inventory.reserve", id: "2", self.data(41))
                == "rejected INSUFFICIENT_STOCK")
        #expect(
            try await self.registry.failure("inventory.release", id: "3", self.data(61))
                == "rejected RELEASE_EXCEEDS_RESERVED")
        #expect(try await self.registry.run("inventory.release", id: "4", self.data(60))["available"] == 100)
    }

    @Test("Adjusting goes neither below zero nor below what is reserved")
    func adjust() async throws {
        #expect(try await self.registry.run("inventory.adjust", id: "1", self.data(-90))["onHand"] == 10)
        #expect(
            try await self.registry.failure("inventory.adjust", id: "2", self.data(-11)) == "rejected STOCK_BELOW_ZERO")
        try await self.registry.run("inventory.reserve", id: "3", self.data(8))
        #expect(
            try await self.registry.failure("inventory.adjust", id: "4", self.data(-3))
                == "rejected STOCK_BELOW_RESERVED")
        #expect(try await self.registry.run("inventory.adjust", id: "5", self.data(5))["available"] == 7)
        #expect(
            try await self.registry.failure("inventory.adjust", id: "6", self.data(Stock.limit))
                == "rejected STOCK_ABOVE_LIMIT")
    }

    @Test("Quantities out of bounds are problems")
    func quantities() async throws {
        #expect(try await self.registry.problems("inventory.reserve", self.data(0)) == ["quantity range"])
        #expect(try await self.registry.problems("inventory.release", self.data(-1)) == ["quantity range"])
        #expect(try await self.registry.problems("inventory.adjust", self.data(0)) == ["quantity range"])
        #expect(
            try await self.registry.problems("inventory.adjust", self.data(1_000_000_001)) == ["quantity range"])
    }

    @Test("A thousand reservations at once never oversell")
    func concurrent() async throws {
        let registry = self.registry
        let outcomes = try await withThrowingTaskGroup(of: String?.self) { group in
            for index in 0..<1000 {
                group.addTask {
                    try await registry.failure(
                        "inventory.reserve", id: "c\(index)", #"{"productId":"a","quantity":1,"reason":"r"}"#)
                }
            }
            return try await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == Stock.initialQuantity)
        #expect(outcomes.count { $0 == "rejected INSUFFICIENT_STOCK" } == 1000 - Stock.initialQuantity)
        let last = try await registry.run("inventory.release", id: "last", self.data(Stock.initialQuantity))
        #expect(last["reserved"] == 0)
    }

    @Test("The same reservation delivered many times at once reserves once")
    func repeated() async throws {
        let registry = self.registry
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await registry.run(
                        "inventory.reserve", id: "same", #"{"productId":"a","quantity":5,"reason":"r"}"#)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await registry.run("inventory.reserve", id: "next", self.data(1))["reserved"] == 6)
    }
}
