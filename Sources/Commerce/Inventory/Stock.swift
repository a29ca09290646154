import Commands

/// How many pieces of a product there are and how many of them are promised.
public struct Stock: Codable, Sendable, Hashable {
    /// What a product that nobody has adjusted yet starts with.
    public static let initialQuantity = 100
    /// No quantity is larger, neither in a command nor on the shelf.
    public static let limit = 1_000_000_000

    public let productId: String
    public private(set) var onHand: Int
    public private(set) var reserved = 0

    public init(productId: String, onHand: Int = Stock.initialQuantity) {
        self.productId = productId
        self.onHand = onHand
    }

    /// What can still be reserved; never negative.
    public var available: Int { self.onHand - self.reserved }

    mutating func reserve(_ quantity: Int) throws(CommandError) {
        guard quantity <= self.available else {
            throw .rejected("INSUFFICIENT_STOCK", "more is asked for than is available")
        }
        self.reserved += quantity
    }

    mutating func release(_ quantity: Int) throws(CommandError) {
        guard quantity <= self.reserved else {
            throw .rejected("RELEASE_EXCEEDS_RESERVED", "more is to be released than is reserved")
        }
        self.reserved -= quantity
    }

    mutating func adjust(by quantity: Int) throws(CommandError) {
        guard self.onHand + quantity >= 0 else {
            throw .rejected("STOCK_BELOW_ZERO", "the stock would fall below zero")
        }
        guard self.onHand + quantity >= self.reserved else {
            throw .rejected("STOCK_BELOW_RESERVED", "the stock would fall below what is reserved")
        }
        guard self.onHand + quantity <= Self.limit else {
            throw .rejected("STOCK_ABOVE_LIMIT", "the stock would be more than can be kept")
        }
        self.onHand += quantity
    }
}

public struct StockReceipt: Codable, Sendable, Hashable {
    public var productId: String
    /// The quantity of the command.
    public var quantity: Int
    public var onHand: Int
    public var reserved: Int
    public var available: Int

    init(_ stock: Stock, quantity: Int) {
        self.productId = stock.productId
        self.quantity = quantity
        self.onHand = stock.onHand
        self.reserved = stock.reserved
        self.available = stock.available
    }
}
