import Commands
import Commerce
import Foundation
import Lab
import Synchronization
import ToolKit

/// The demonstration: the shop's commands of every type, and the load lab's for every way to fail.
struct ReferenceDemo {
    private let now = Date()
    private let payment = Self.newID()

    var scenario: DemoScenario {
        let lab = self.labSteps
        let shop = self.payments + self.users + self.orders + self.stock + self.others + self.mistakes
        let fault = Fault()
        return DemoScenario(
            services: [CommerceService(), LabService(handler: LabHandler(unit: { fault.isThere ? 0 : 0.999 }))],
            steps: shop + lab, recovering: shop.count, replayed: shop.count + 2,
            mend: {
                fault.mend()
                return "The cause is mended: the lab's dice fall on the good side from now on."
            })
    }

    private static func newID() -> String {
        Identifier.commandID(at: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }

    private func step(
        _ type: String, key: String? = nil, id: String = Self.newID(), _ data: String,
        attributes: CommandDraft.Attributes = [], structured: Bool = false,
        _ expected: DemoScenario.Ending = .success(attempts: 1)
    ) -> DemoScenario.Step {
        var draft = CommandDraft(type: type, id: id, source: "demo", key: key, data: ArraySlice(data.utf8))
        draft.attributes = attributes
        let domain: Domain = type.hasPrefix("lab.") ? "lab" : "commerce"
        return DemoScenario.Step(
            domain: domain, payload: .command(draft, structured: structured), expected: expected)
    }

    // MARK: - The shop

    private var payments: [DemoScenario.Step] {
        let refund = { (amount: String) in
            #"{"paymentId":"\#(self.payment)","userId":"ada","amount":"\#(amount)","currency":"EUR","reason":"returned"}"#
        }
        return [
            self.step(
                "payment.process", key: "ada", id: self.payment,
                #"{"userId":"ada","amount":"49.90","currency":"EUR","paymentMethod":"card","gateway":"acme"}"#),
            self.step("refund.process", key: "ada", refund("9.90")),
            self.step("refund.process", key: "ada", refund("60.00"), .failure(.rejected, attempts: 1)),
        ]
    }

    private var users: [DemoScenario.Step] {
        [
            self.step("user.create", key: "grace", #"{"userId":"grace","data":{"city":"London"}}"#),
            self.step("user.update", key: "grace", #"{"userId":"grace","data":{"city":"Paris"}}"#),
            self.step("user.delete", key: "grace", #"{"userId":"grace","data":{}}"#),
        ]
    }

    private var orders: [DemoScenario.Step] {
        let order =
            #"{"orderId":"o-1","userId":"ada","items":[{"productId":"lamp","quantity":2,"price":"12.50"}],"#
            + #""totalAmount":"25.00","currency":"EUR"}"#
        return [
            self.step("order.create", key: "o-1", order),
            self.step("order.cancel", key: "o-1", order),
            self.step("order.cancel", key: "o-1", order, .failure(.rejected, attempts: 1)),
        ]
    }

    private var stock: [DemoScenario.Step] {
        let lamps = { (quantity: Int) in #"{"productId":"lamp","quantity":\#(quantity),"reason":"demo"}"# }
        return [
            self.step("inventory.adjust", key: "lamp", lamps(20)),
            self.step("inventory.reserve", key: "lamp", lamps(100)),
            self.step("inventory.reserve", key: "lamp", lamps(50), .failure(.rejected, attempts: 1)),
            self.step("inventory.release", key: "lamp", lamps(100)),
        ]
    }

    private var others: [DemoScenario.Step] {
        [
            self.step(
                "notification.send", key: "ada",
                #"{"userId":"ada","channel":"email","kind":"receipt","title":"Thanks","message":"Paid","priority":"high"}"#
            ),
            self.step(
                "audit.record",
                #"{"entityType":"order","entityId":"o-1","action":"viewed","changes":[],"userId":"ada"}"#),
            self.step(
                "customer.create", #"{"customerId":"c-1","name":"Ada","email":"ada@example.com"}"#),
            self.step(
                "resource.provision", #"{"resourceId":"db-1","kind":"database","size":"small"}"#, structured: true),
            self.step("system.run", #"{"action":"ping","parameters":{}}"#),
        ]
    }

    /// What no handler runs to its end.
    private var mistakes: [DemoScenario.Step] {
        let past = ISO8601DateFormatter().string(from: self.now.addingTimeInterval(-60))
        return [
            self.step(
                "payment.process", key: "bob", #"{"userId":"bob","amount":"-1","currency":"EURO"}"#,
                .failure(.invalid, attempts: 1)),
            self.step(
                "system.run", #"{"action":"ping","parameters":{}}"#, attributes: [("expirytime", past)],
                .failure(.expired)),
            self.step("payment.teleport", key: "bob", #"{"userId":"bob"}"#, .failure(.unhandled)),
            DemoScenario.Step(
                domain: "commerce", payload: .bytes([0x00, 0xff, 0x7b, 0x22]), expected: .failure(.poison)),
        ]
    }

    // MARK: - The lab

    /// The first recovers, the third is to be replayed.
    private var labSteps: [DemoScenario.Step] {
        [
            self.step("lab.run", key: "k1", #"{"failFirst":2,"echo":"third time lucky"}"#, .success(attempts: 3)),
            self.step("lab.run", key: "k2", #"{"fail":"transient"}"#, .failure(.exhausted, attempts: 3)),
            self.step(
                "lab.run", key: "k3", #"{"failPermanentPct":50,"echo":"as good as new"}"#,
                .failure(.permanent, attempts: 1)),
        ]
    }
}

/// Something broken that can be mended.
private final class Fault: Sendable {
    private let state = Mutex(true)

    var isThere: Bool { self.state.withLock { $0 } }

    func mend() { self.state.withLock { $0 = false } }
}
