import Commands
import Foundation
import JSONCoding

/// Rules that many commands share.
extension ProblemCollector {
    /// Some text, not only blanks, of at most `limit` characters, without NUL: databases keep none.
    mutating func checkText(_ text: String, at path: String, limit: Int = 256) {
        if !text.contains(where: { !$0.isWhitespace }) {
            self.add(at: path, code: "required", "must not be empty")
        } else if text.count > limit {
            self.add(at: path, code: "range", "must have at most \(limit) characters")
        } else if text.utf8.contains(0) {
            self.add(at: path, code: "format", "must not hold the character U+0000")
        }
    }

    /// As ``checkText(_:at:limit:)``, or nothing.
    mutating func checkText(_ text: String?, at path: String, limit: Int = 256) {
        if let text { self.checkText(text, at: path, limit: limit) }
    }

    /// An ISO 4217 code.
    mutating func checkCurrency(_ code: String, at path: String = "currency") {
        if Currency(code: code) == nil { self.add(at: path, code: "format", Money.currencyMessage) }
    }

    /// Money above zero (or from zero on) with no more digits than the currency has.
    mutating func checkAmount(_ amount: Decimal, of code: String, at path: String, allowsZero: Bool = false) {
        if amount.isNaN || amount < 0 || (amount == 0 && !allowsZero) {
            self.add(at: path, code: "range", allowsZero ? "must not be negative" : "must be more than 0")
        } else if amount >= Money.limit {
            self.add(at: path, code: "range", "must be less than \(Money.limit)")
        } else if self.isUsable("currency"), let currency = Currency(code: code),
            !Money.fits(amount, fractionDigits: currency.fractionDigits)
        {
            let digits = currency.fractionDigits
            let message =
                digits == 0
                ? "must be a whole number of \(code)"
                : "must have at most \(digits) digits after the point for \(code)"
            self.add(at: path, code: "format", message)
        }
    }

    /// A number of pieces.
    mutating func checkQuantity(_ quantity: Int, at path: String) {
        if !(1...Stock.limit).contains(quantity) {
            self.add(at: path, code: "range", "must be from 1 to \(Stock.limit)")
        }
    }

    /// Some text or a whole number, for levels that senders name either way.
    mutating func checkLevel(_ value: JSONValue, at path: String) {
        switch value {
        case .string(let text): self.checkText(text, at: path, limit: 64)
        case .number(let number) where number.int64 != nil: break
        default: self.add(at: path, code: "type", "must be text or a whole number")
        }
    }
}
