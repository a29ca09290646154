import Commands
import JSONCoding

/// Promises pieces of a product.
public struct ReserveInventory: Command {
    public static let type: CommandType = "inventory.reserve"
    public typealias Output = StockReceipt

    public var productId: String
    public var quantity: Int
    public var reason: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.productId, at: "productId")
        problems.checkQuantity(self.quantity, at: "quantity")
        problems.checkText(self.reason, at: "reason", limit: 2000)
    }
}

/// Takes a promise back.
public struct ReleaseInventory: Command {
    public static let type: CommandType = "inventory.release"
    public typealias Output = StockReceipt

    public var productId: String
    public var quantity: Int
    public var reason: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.productId, at: "productId")
        problems.checkQuantity(self.quantity, at: "quantity")
        problems.checkText(self.reason, at: "reason", limit: 2000)
    }
}

/// Adds pieces to the shelf, or takes some away when the quantity is negative.
public struct AdjustInventory: Command {
    public static let type: CommandType = "inventory.adjust"
    public typealias Output = StockReceipt

    public var productId: String
    public var quantity: Int
    public var reason: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.productId, at: "productId")
        let limit = Stock.limit
        if self.quantity == 0 || !(-limit...limit).contains(self.quantity) {
            problems.add(at: "quantity", code: "range", "must be from -\(limit) to \(limit) and not 0")
        }
        problems.checkText(self.reason, at: "reason", limit: 2000)
    }
}

struct ReserveInventoryHandler: CommandHandler {
    let stock: any Repository<Stock>

    func handle(_ command: ReserveInventory, context: CommandContext) async throws -> StockReceipt {
        try await self.stock.change(command.productId, in: context) { stock in
            var product = stock ?? Stock(productId: command.productId)
            try product.reserve(command.quantity)
            stock = product
            return StockReceipt(product, quantity: command.quantity)
        }
    }
}

struct ReleaseInventoryHandler: CommandHandler {
    let stock: any Repository<Stock>

    func handle(_ command: ReleaseInventory, context: CommandContext) async throws -> StockReceipt {
        try await self.stock.change(command.productId, in: context) { stock in
            var product = stock ?? Stock(productId: command.productId)
            try product.release(command.quantity)
            stock = product
            return StockReceipt(product, quantity: command.quantity)
        }
    }
}

struct AdjustInventoryHandler: CommandHandler {
    let stock: any Repository<Stock>

    func handle(_ command: AdjustInventory, context: CommandContext) async throws -> StockReceipt {
        try await self.stock.change(command.productId, in: context) { stock in
            var product = stock ?? Stock(productId: command.productId)
            try product.adjust(by: command.quantity)
            stock = product
            return StockReceipt(product, quantity: command.quantity)
        }
    }
}
