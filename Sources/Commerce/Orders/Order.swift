import Commands
import Foundation
import JSONCoding

/// One line of an order.
public struct OrderItem: Codable, Sendable, Hashable {
    public var productId: String
    public var quantity: Int
    /// For one piece.
    public var price: Decimal
}

/// What a user ordered.
public struct Order: Codable, Sendable, Hashable {
    public enum Status: String, Codable, Sendable, CaseIterable {
        case created, cancelled
    }

    public let id: String
    public let userId: String
    public let items: [OrderItem]
    public let totalAmount: Decimal
    public let currency: String
    public let metadata: [String: JSONValue]?
    public private(set) var status = Status.created

    init(_ command: CreateOrder) {
        self.id = command.orderId
        self.userId = command.userId
        self.items = command.items
        self.totalAmount = command.totalAmount
        self.currency = command.currency
        self.metadata = command.metadata
    }

    mutating func cancel(by userId: String) throws(CommandError) {
        guard userId == self.userId else {
            throw .rejected("ORDER_OF_ANOTHER_USER", "the order was made by another user")
        }
        guard self.status != .cancelled else {
            throw .rejected("ORDER_ALREADY_CANCELLED", "the order was cancelled before")
        }
        self.status = .cancelled
    }
}

public struct OrderReceipt: Codable, Sendable, Hashable {
    public var orderId: String
    public var userId: String
    public var status: Order.Status
    /// Decimal text.
    public var totalAmount: String
    public var currency: String

    init(_ order: Order) throws(CommandError) {
        self.orderId = order.id
        self.userId = order.userId
        self.status = order.status
        self.totalAmount = try Money(validated: order.totalAmount, code: order.currency).text
        self.currency = order.currency
    }
}
