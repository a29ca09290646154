import Foundation

/// Stands in for a bank's own client: it declines what is above 1,000.
struct Bank: Sendable {
    /// Whether the bank took the money; asked twice with one key, it takes it once.
    func charge(_ payment: ProcessPayment, idempotencyKey: String) async throws -> Bool {
        payment.amount <= 1000
    }
}
