import Commands
import Foundation

/// An exact amount of one currency.
public struct Money: Hashable, Sendable {
    public let amount: Decimal
    public let currency: Currency

    public init(_ amount: Decimal, _ currency: Currency) {
        self.amount = amount
        self.currency = currency
    }

    /// The amount of data that has passed validation.
    init(validated amount: Decimal, code: String) throws(CommandError) {
        guard let currency = Currency(code: code) else {
            throw .invalid([Problem(path: "currency", code: "format", message: Self.currencyMessage)])
        }
        self.init(amount, currency)
    }

    /// Amounts stay below this, so that sums and products of them are exact in the 38 digits of a decimal.
    static let limit = Decimal(1_000_000_000_000_000)
    static let currencyMessage = "must be the three-letter code of an active ISO 4217 currency"

    /// Decimal text with all digits of the currency: `12.50`, never a binary number.
    public var text: String {
        var text = "\(self.amount)"
        let digits = text.firstIndex(of: ".").map { text.distance(from: $0, to: text.endIndex) - 1 } ?? 0
        guard digits < self.currency.fractionDigits else { return text }
        if digits == 0 { text += "." }
        return text + String(repeating: "0", count: self.currency.fractionDigits - digits)
    }

    /// Whether the number has no more digits after the point than allowed; trailing zeros do not count.
    static func fits(_ amount: Decimal, fractionDigits: Int) -> Bool {
        var amount = amount
        var rounded = Decimal()
        NSDecimalRound(&rounded, &amount, fractionDigits, .down)
        return rounded == amount
    }
}
