import Commands
import Foundation
import JSONCoding

/// Money taken from a user, and what was given back of it.
///
/// A payment's id is the command id of its `payment.process`; the command's output returns it as `paymentId`.
public struct Payment: Codable, Sendable, Hashable {
    /// Money given back.
    public struct Refund: Codable, Sendable, Hashable {
        /// The command id of its `refund.process`.
        public var id: String
        public var amount: Decimal
        public var reason: String
    }

    public let id: String
    public let userId: String
    public let amount: Decimal
    public let currency: String
    public let paymentMethod: String
    public let gateway: String
    public let description: String?
    public let metadata: [String: JSONValue]?
    public private(set) var refunds: [Refund] = []

    init(id: String, _ command: ProcessPayment) {
        self.id = id
        self.userId = command.userId
        self.amount = command.amount
        self.currency = command.currency
        self.paymentMethod = command.paymentMethod
        self.gateway = command.gateway
        self.description = command.description
        self.metadata = command.metadata
    }

    /// What has not been given back yet.
    public var remaining: Decimal { self.refunds.reduce(self.amount) { $0 - $1.amount } }

    mutating func refund(id: String, _ command: ProcessRefund) throws(CommandError) {
        guard command.userId == self.userId else {
            throw .rejected("PAYMENT_OF_ANOTHER_USER", "the payment was made by another user")
        }
        guard command.currency == self.currency else {
            throw .rejected("REFUND_CURRENCY_DIFFERS", "a refund is made in the currency of its payment")
        }
        guard command.amount <= self.remaining else {
            throw .rejected("REFUND_EXCEEDS_PAYMENT", "the refund is more than what remains of the payment")
        }
        self.refunds.append(Refund(id: id, amount: command.amount, reason: command.reason))
    }
}
