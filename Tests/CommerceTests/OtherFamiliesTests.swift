import Commands
import Commerce
import JSONCoding
import Testing

@Suite("Users, notifications, audit trail, customers, resources, system")
struct OtherFamiliesTests {
    let registry: Registry

    init() throws { self.registry = try Registry(CommerceService()) }

    @Test("Every type of the reference service has a handler")
    func types() {
        #expect(
            self.registry.types.sorted() == [
                "audit.record", "customer.create", "inventory.adjust", "inventory.release", "inventory.reserve",
                "notification.send", "order.cancel", "order.create", "payment.process", "refund.process",
                "resource.provision", "system.run", "user.create", "user.delete", "user.update",
            ])
    }

    @Test("A user is created, updated and deleted, each in its time")
    func users() async throws {
        let json = #"{"userId":"u1","data":{"name":"Ada","age":36}}"#
        #expect(try await self.registry.failure("user.update", id: "1", json) == "rejected USER_NOT_FOUND")
        #expect(try await self.registry.failure("user.delete", id: "2", json) == "rejected USER_NOT_FOUND")
        try await self.registry.run("user.create", id: "3", json)
        #expect(try await self.registry.failure("user.create", id: "4", json) == "rejected USER_ALREADY_EXISTS")
        let updated = try await self.registry.run(
            "user.update", id: "5", #"{"user_id":"u1","data":{"age":null,"city":"London"}}"#)
        #expect(updated["data"] == ["name": "Ada", "city": "London"])
        #expect(updated["version"] == 2)
        try await self.registry.run("user.delete", id: "6", json)
        #expect(try await self.registry.failure("user.delete", id: "7", json) == "rejected USER_NOT_FOUND")
        #expect(try await self.registry.run("user.create", id: "8", json)["version"] == 4)
        #expect(try await self.registry.problems("user.update", #"{"userId":"u1","data":{}}"#) == ["data required"])
        #expect(try await self.registry.problems("user.create", #"{"userId":"u1"}"#) == ["data required"])
    }

    @Test("A notification goes over one of three channels")
    func notifications() async throws {
        func json(_ channel: String, priority: String = #""high""#) -> String {
            #"""
            {"userId":"u1","channel":"\#(channel)","kind":"welcome","title":"Hello","message":"Text",
            "priority":\#(priority)}
            """#
        }
        for channel in ["email", "sms", "push"] {
            let output = try await self.registry.run("notification.send", id: channel, json(channel))
            #expect(output["notificationId"] == .string(channel))
        }
        try await self.registry.run("notification.send", id: "number", json("email", priority: "5"))
        #expect(try await self.registry.problems("notification.send", json("fax")) == ["channel format"])
        #expect(
            try await self.registry.problems("notification.send", json("sms", priority: "1.5")) == ["priority type"])
    }

    @Test("An entry of the audit trail needs an address that is one")
    func activity() async throws {
        func json(_ address: String, changes: String = #"{"a":[1,2]}"#) -> String {
            #"""
            {"entityType":"order","entityId":"o1","action":"update","changes":\#(changes),"userId":"u1",
            "ipAddress":"\#(address)"}
            """#
        }
        try await self.registry.run("audit.record", id: "1", json("192.0.2.7"))
        try await self.registry.run("audit.record", id: "2", json("2001:db8::1"))
        #expect(try await self.registry.problems("audit.record", json("192.0.2.256")) == ["ipAddress format"])
        #expect(try await self.registry.problems("audit.record", json("::1", changes: "1")) == ["changes type"])
    }

    @Test(
        "Addresses that are none",
        arguments: [
            "", "a", "a@", "@b.c", "a@b", "a@@b.c", "a b@c.de", "a@b..c", "a@-b.c", ".a@b.c", "a.@b.c", "a@b.c.",
            "a@b_c.de", "a\\n@b.c",
        ])
    func badEmail(email: String) async throws {
        let json = #"{"customerId":"c1","name":"Ada","email":"\#(email)"}"#
        #expect(try await self.registry.problems("customer.create", json) == ["email format"])
    }

    @Test("Customers and resources exist once")
    func once() async throws {
        let customer = #"{"customerId":"c1","name":"Ada","email":"ada.l+shop@mail.example.org"}"#
        let first = try await self.registry.run("customer.create", id: "1", customer)
        #expect(try await self.registry.run("customer.create", id: "1", customer) == first)
        #expect(
            try await self.registry.failure("customer.create", id: "2", customer) == "rejected CUSTOMER_ALREADY_EXISTS")
        let resource = #"{"resourceId":"r1","kind":"database","size":"large"}"#
        #expect(try await self.registry.run("resource.provision", id: "3", resource)["size"] == "large")
        #expect(
            try await self.registry.failure("resource.provision", id: "4", resource)
                == "rejected RESOURCE_ALREADY_PROVISIONED")
    }

    @Test("The system answers")
    func system() async throws {
        #expect(
            try await self.registry.run("system.run", #"{"action":"ping","parameters":{}}"#)["result"] == "pong")
        #expect(
            try await self.registry.run("system.run", #"{"action":"echo","parameters":{"a":[1.10,null]}}"#)["result"]
                == #"{"a":[1.10,null]}"#.json)
        #expect(
            try await self.registry.problems("system.run", #"{"action":"reboot"}"#) == [
                "action format", "parameters required",
            ])
    }
}

extension String {
    /// The JSON that the text spells; null when it is none.
    var json: JSONValue { (try? FastJSONDecoder().decode(JSONValue.self, from: Array(self.utf8))) ?? .null }
}
