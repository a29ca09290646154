import Commands
import Foundation
import JSONCoding

/// Places an order.
public struct CreateOrder: Command {
    public static let type: CommandType = "order.create"
    public typealias Output = OrderReceipt

    public var orderId: String
    public var userId: String
    public var items: [OrderItem]
    public var totalAmount: Decimal
    public var currency: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.orderId, at: "orderId")
        problems.checkText(self.userId, at: "userId")
        problems.checkOrder(self.items, totalAmount: self.totalAmount, currency: self.currency)
    }
}

/// Cancels an order; it is the id that counts, the other fields repeat the order.
public struct CancelOrder: Command {
    public static let type: CommandType = "order.cancel"
    public typealias Output = OrderReceipt

    public var orderId: String
    public var userId: String
    public var items: [OrderItem]
    public var totalAmount: Decimal
    public var currency: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.orderId, at: "orderId")
        problems.checkText(self.userId, at: "userId")
        problems.checkOrder(self.items, totalAmount: self.totalAmount, currency: self.currency)
    }
}

extension ProblemCollector {
    fileprivate mutating func checkOrder(_ items: [OrderItem], totalAmount: Decimal, currency: String) {
        let isInRange = (1...1000).contains(items.count)
        if !isInRange { self.add(at: "items", code: "range", "must have from 1 to 1000 entries") }
        var sum = Decimal(0)
        // One item out of bounds would make the sum meaningless.
        let before = self.problems.count
        for (index, item) in items.enumerated() where isInRange {
            self.checkText(item.productId, at: "items[\(index)].productId")
            self.checkQuantity(item.quantity, at: "items[\(index)].quantity")
            self.checkAmount(item.price, of: currency, at: "items[\(index)].price", allowsZero: true)
            sum += item.price * Decimal(item.quantity)
        }
        let itemsAreSound = self.problems.count == before && self.isUsable("items") && isInRange
        let beforeTotal = self.problems.count
        self.checkAmount(totalAmount, of: currency, at: "totalAmount", allowsZero: true)
        if itemsAreSound, self.problems.count == beforeTotal, sum != totalAmount {
            self.add(at: "totalAmount", code: "invalid", "must be the sum of price times quantity over all items")
        }
        self.checkCurrency(currency)
    }
}

struct CreateOrderHandler: CommandHandler {
    let orders: any Repository<Order>

    func handle(_ command: CreateOrder, context: CommandContext) async throws -> OrderReceipt {
        try await self.orders.change(command.orderId, in: context) { order in
            guard order == nil else {
                throw CommandError.rejected("ORDER_ALREADY_EXISTS", "there is an order of this id")
            }
            let created = Order(command)
            order = created
            return try OrderReceipt(created)
        }
    }
}

struct CancelOrderHandler: CommandHandler {
    let orders: any Repository<Order>

    func handle(_ command: CancelOrder, context: CommandContext) async throws -> OrderReceipt {
        try await self.orders.change(command.orderId, in: context) { order in
            guard var cancelled = order else {
                throw CommandError.rejected("ORDER_NOT_FOUND", "there is no order of this id")
            }
            try cancelled.cancel(by: command.userId)
            order = cancelled
            return try OrderReceipt(cancelled)
        }
    }
}
