import Commands
import Foundation
import JSONCoding

/// Takes money from a user.
public struct ProcessPayment: Command {
    public static let type: CommandType = "payment.process"
    public typealias Output = PaymentReceipt

    public var userId: String
    public var amount: Decimal
    public var currency: String
    public var paymentMethod: String
    public var gateway: String
    public var description: String?
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.userId, at: "userId")
        problems.checkAmount(self.amount, of: self.currency, at: "amount")
        problems.checkCurrency(self.currency)
        problems.checkText(self.paymentMethod, at: "paymentMethod")
        problems.checkText(self.gateway, at: "gateway")
        problems.checkText(self.description, at: "description", limit: 2000)
    }
}

public struct PaymentReceipt: Codable, Sendable, Hashable {
    /// The command id of the payment, which refunds name.
    public var paymentId: String
    public var userId: String
    /// Decimal text.
    public var amount: String
    public var currency: String
    public var status: String
}

struct ProcessPaymentHandler: CommandHandler {
    let payments: any Repository<Payment>

    func handle(_ command: ProcessPayment, context: CommandContext) async throws -> PaymentReceipt {
        let id = context.commandID
        let money = try Money(validated: command.amount, code: command.currency)
        let receipt = PaymentReceipt(
            paymentId: id, userId: command.userId, amount: money.text, currency: command.currency, status: "processed")
        return try await self.payments.change(id, in: context) { payment in
            guard payment == nil else {
                throw CommandError.rejected("PAYMENT_ALREADY_EXISTS", "there is a payment of this id")
            }
            payment = Payment(id: id, command)
            return receipt
        }
    }
}
