import Commands
import Foundation
import JSONCoding

/// Gives back a payment or a part of it.
public struct ProcessRefund: Command {
    public static let type: CommandType = "refund.process"
    public typealias Output = RefundReceipt

    /// The `paymentId` of the payment's result: the command id of its `payment.process`.
    public var paymentId: String
    public var userId: String
    public var amount: Decimal
    public var currency: String
    public var reason: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.paymentId, at: "paymentId")
        problems.checkText(self.userId, at: "userId")
        problems.checkAmount(self.amount, of: self.currency, at: "amount")
        problems.checkCurrency(self.currency)
        problems.checkText(self.reason, at: "reason", limit: 2000)
    }
}

public struct RefundReceipt: Codable, Sendable, Hashable {
    /// The command id of the refund.
    public var refundId: String
    public var paymentId: String
    /// Decimal text.
    public var amount: String
    public var currency: String
    /// What is left of the payment, as decimal text.
    public var remaining: String
    public var status: String
}

struct ProcessRefundHandler: CommandHandler {
    let payments: any Repository<Payment>

    func handle(_ command: ProcessRefund, context: CommandContext) async throws -> RefundReceipt {
        let id = context.commandID
        let money = try Money(validated: command.amount, code: command.currency)
        return try await self.payments.change(command.paymentId, in: context) { payment in
            guard payment != nil else {
                throw CommandError.rejected("PAYMENT_NOT_FOUND", "there is no payment of this id")
            }
            try payment?.refund(id: id, command)
            let remaining = Money(payment?.remaining ?? 0, money.currency)
            return RefundReceipt(
                refundId: id, paymentId: command.paymentId, amount: money.text, currency: command.currency,
                remaining: remaining.text, status: remaining.amount == 0 ? "refunded" : "partially_refunded")
        }
    }
}
