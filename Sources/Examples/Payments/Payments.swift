import Adjutant
import Foundation

struct ProcessPayment: Command {
    static let type: CommandType = "payment.process"
    typealias Output = Receipt

    var userId: String
    var amount: Decimal
    var currency: String

    func validate(_ problems: inout Problems) {
        problems.require(!userId.isEmpty, at: \.userId, "must not be empty")
        problems.require(amount > 0, at: \.amount, "must be positive")
        problems.require(currency.count == 3, at: \.currency, "must be a code of three letters")
    }
}

struct Receipt: Codable, Sendable {
    var paymentId: String
    var charged: Decimal
}

@main
struct Payments: CommandService {
    let domain: Domain = "payments"
    private let bank = Bank()

    func register(in handlers: inout Handlers) {
        handlers.on(
            ProcessPayment.self, retry: .exponential(from: .seconds(5), attempts: 4), timeout: .seconds(10)
        ) { payment, context in
            guard try await bank.charge(payment, idempotencyKey: context.commandID) else {
                throw CommandError.rejected("DECLINED", "the bank said no")
            }
            return Receipt(paymentId: context.commandID, charged: payment.amount)
        }
    }
}
