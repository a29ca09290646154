import Commerce
import Commands
import Foundation
import JSONCoding
import Testing

@Suite("Payments and refunds")
struct PaymentTests {
    let registry: Registry

    init() throws { self.registry = try Registry(CommerceService()) }

    private func payment(_ amount: String, _ currency: String = "EUR") -> String {
        #"{"userId":"u1","amount":\#(amount),"currency":"\#(currency)","paymentMethod":"card","gateway":"g"}"#
    }

    private func refund(_ amount: String, of payment: String = "p1", user: String = "u1", _ currency: String = "EUR")
        -> String
    {
        #"{"paymentId":"\#(payment)","userId":"\#(user)","amount":\#(amount),"currency":"\#(currency)","reason":"r"}"#
    }

    @Test("A payment is named by its command and answered alike when it comes again")
    func repeated() async throws {
        let first = try await self.registry.run("payment.process", id: "p1", self.payment("12.5"))
        #expect(first["paymentId"] == "p1")
        #expect(first["amount"] == "12.50")
        #expect(try await self.registry.run("payment.process", id: "p1", self.payment("12.5")) == first)
        let other = try await self.registry.run("payment.process", id: "p2", self.payment("12.5"))
        #expect(other["paymentId"] == "p2")
    }

    @Test("Refunds are exact: 0.1 and 0.2 use up 0.3")
    func exact() async throws {
        try await self.registry.run("payment.process", id: "p1", self.payment("0.3"))
        let first = try await self.registry.run("refund.process", id: "r1", self.refund("0.1"))
        #expect(first["remaining"] == "0.20")
        #expect(first["status"] == "partially_refunded")
        let second = try await self.registry.run("refund.process", id: "r2", self.refund(#""0.2""#))
        #expect(second["remaining"] == "0.00")
        #expect(second["status"] == "refunded")
        #expect(
            try await self.registry.failure("refund.process", id: "r3", self.refund("0.01"))
                == "rejected REFUND_EXCEEDS_PAYMENT")
    }

    @Test("A repeated refund gives nothing back twice, even when the payment is used up")
    func repeatedRefund() async throws {
        try await self.registry.run("payment.process", id: "p1", self.payment("10"))
        let first = try await self.registry.run("refund.process", id: "r1", self.refund("10"))
        #expect(try await self.registry.run("refund.process", id: "r1", self.refund("10")) == first)
    }

    @Test("Refunds that no payment covers are rejected")
    func rejected() async throws {
        try await self.registry.run("payment.process", id: "p1", self.payment("10"))
        let failures = [
            (self.refund("10.01"), "rejected REFUND_EXCEEDS_PAYMENT"),
            (self.refund("1", of: "p9"), "rejected PAYMENT_NOT_FOUND"),
            (self.refund("1", "USD"), "rejected REFUND_CURRENCY_DIFFERS"),
            (self.refund("1", user: "u2"), "rejected PAYMENT_OF_ANOTHER_USER"),
        ]
        for (index, (json, expected)) in failures.enumerated() {
            #expect(try await self.registry.failure("refund.process", id: "r\(index)", json) == expected)
        }
    }

    @Test(
        "Amounts that are no money of the currency",
        arguments: [
            ("0", "EUR", "amount range"), ("-1", "EUR", "amount range"), ("1.001", "EUR", "amount format"),
            ("1.5", "JPY", "amount format"), (#""1e3x""#, "EUR", "amount format"), ("true", "EUR", "amount type"),
            ("1000000000000000", "EUR", "amount range"), ("1", "EUX", "currency format"),
            ("1", "eur", "currency format"), ("1", "XXX", "currency format"), (#""NaN""#, "EUR", "amount format"),
        ])
    func badAmount(amount: String, currency: String, problem: String) async throws {
        #expect(try await self.registry.problems("payment.process", self.payment(amount, currency)) == [problem])
    }

    @Test(
        "Amounts that are fine",
        arguments: [
            ("1.500", "EUR", "1.50"), ("1.005", "KWD", "1.005"), ("1e2", "JPY", "100"), (#""0.01""#, "USD", "0.01"),
            ("999999999999999.99", "EUR", "999999999999999.99"), ("1.2345", "CLF", "1.2345"),
        ])
    func goodAmount(amount: String, currency: String, text: String) async throws {
        let output = try await self.registry.run("payment.process", id: "p1", self.payment(amount, currency))
        #expect(output["amount"] == .string(text))
    }

    @Test("All problems are reported at once")
    func allProblems() async throws {
        let problems = try await self.registry.problems(
            "payment.process", #"{"userId":" ","amount":0,"currency":"EURO","gateway":7,"metadata":[]}"#)
        #expect(
            problems == [
                "amount range", "currency format", "gateway type", "metadata type", "paymentMethod required",
                "userId required",
            ])
    }

    @Test("Snake case is understood")
    func snakeCase() async throws {
        let output = try await self.registry.run(
            "payment.process", id: "p1",
            #"{"user_id":"u1","amount":"3","currency":"EUR","payment_method":"card","gateway":"g"}"#)
        #expect(output["userId"] == "u1")
        let refund = try await self.registry.run(
            "refund.process", id: "r1",
            #"{"payment_id":"p1","user_id":"u1","amount":3,"currency":"EUR","reason":"r"}"#)
        #expect(refund["status"] == "refunded")
    }

    @Test("The list of currencies is whole")
    func currencies() {
        #expect(Currency.codes.count == 176)
        #expect(Currency.codes.allSatisfy { $0.utf8.count == 3 })
    }

    @Test("What an undo would need is kept")
    func journal() async throws {
        let payments = InMemoryRepository<Payment>()
        var store = CommerceStore.inMemory()
        store.payments = payments
        let registry = try Registry(CommerceService(store: store))
        try await registry.run("payment.process", id: "p1", self.payment("10"))
        try await registry.run("refund.process", id: "r1", self.refund("4"))
        let applied = try #require(payments.applied(type: "refund.process", commandID: "r1"))
        #expect(applied.before?.remaining == 10)
        #expect(applied.after?.remaining == 6)
        #expect(payments.applied(type: "payment.process", commandID: "p1")?.before == nil)
    }

    @Test("What commands did is forgotten in the order of their coming")
    func bounded() async throws {
        let payments = InMemoryRepository<Payment>(remembered: 2)
        var store = CommerceStore.inMemory()
        store.payments = payments
        let registry = try Registry(CommerceService(store: store))
        for id in ["p1", "p2", "p3"] { try await registry.run("payment.process", id: id, self.payment("1")) }
        #expect(payments.applied(type: "payment.process", commandID: "p1") == nil)
        #expect(payments.applied(type: "payment.process", commandID: "p2") != nil)
        #expect(payments.applied(type: "payment.process", commandID: "p3") != nil)
        #expect(
            try await registry.failure("payment.process", id: "p1", self.payment("1"))
                == "rejected PAYMENT_ALREADY_EXISTS")
    }
}
