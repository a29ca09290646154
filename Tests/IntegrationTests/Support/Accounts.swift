import Foundation

/// Payments and refunds over some accounts, and what must come of them, by a few lines of arithmetic of their own.
struct Accounts: Sendable {
    struct Ledger: Equatable, Sendable {
        /// In cents.
        var amount: Int
        /// Of each refund that was granted, in order: its id and its cents.
        var refunds: [Refund] = []
        var remaining: Int { self.refunds.reduce(self.amount) { $0 - $1.cents } }
    }

    struct Refund: Equatable, Sendable {
        var id: String
        var cents: Int
    }

    /// In the order of sending, repeats included.
    private(set) var messages: [CommandMessage] = []
    /// By payment.
    private(set) var expected: [String: Ledger] = [:]
    /// Ids of commands that are to be rejected.
    private(set) var rejected: Set<String> = []
    private(set) var ids: Set<String> = []

    init(count: Int, accounts: Int, seed: UInt64) {
        var random = SplitMix(state: seed)
        var payments: [[String]] = Array(repeating: [], count: accounts)
        for index in 0..<count {
            let account = Int.random(in: 0..<accounts, using: &random)
            let id = "command-\(index)"
            let cents = Int.random(in: 1...10_000, using: &random)
            self.ids.insert(id)
            if payments[account].isEmpty || Int.random(in: 0..<10, using: &random) < 5 {
                payments[account].append(id)
                self.expected[id] = Ledger(amount: cents)
                self.messages.append(Self.payment(id, account: account, cents: cents))
            } else {
                let payment = payments[account].randomElement(using: &random)!
                // Some want more than there is.
                let refund = Refund(id: id, cents: max(1, cents / 3))
                if refund.cents <= self.expected[payment]!.remaining {
                    self.expected[payment]!.refunds.append(refund)
                } else {
                    self.rejected.insert(id)
                }
                self.messages.append(Self.refund(id, account: account, payment: payment, cents: refund.cents))
            }
            // One in ten comes again: at once, or when others have come in between.
            if Int.random(in: 0..<10, using: &random) == 0 {
                let back = min(self.messages.count, [1, 1, 20, 300].randomElement(using: &random)!)
                self.messages.append(self.messages[self.messages.count - back])
            }
        }
    }

    private static func payment(_ id: String, account: Int, cents: Int) -> CommandMessage {
        CommandMessage(
            id: id, key: "account-\(account)",
            data: """
                {"userId":"user-\(account)","amount":"\(Self.text(cents))","currency":"EUR","paymentMethod":"card",\
                "gateway":"acme"}
                """, type: "payment.process")
    }

    private static func refund(_ id: String, account: Int, payment: String, cents: Int) -> CommandMessage {
        CommandMessage(
            id: id, key: "account-\(account)",
            data: """
                {"paymentId":"\(payment)","userId":"user-\(account)","amount":"\(Self.text(cents))","currency":"EUR",\
                "reason":"returned"}
                """, type: "refund.process")
    }

    private static func text(_ cents: Int) -> String { String(format: "%d.%02d", cents / 100, cents % 100) }

    static func cents(_ text: String) -> Int? {
        Decimal(string: text).map { NSDecimalNumber(decimal: $0 * 100).intValue }
    }
}

/// A generator whose numbers a seed repeats.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
