import Commands
import JSONCoding

/// Adds a customer.
public struct CreateCustomer: Command {
    public static let type: CommandType = "customer.create"
    public typealias Output = CustomerReceipt

    public var customerId: String
    public var name: String
    public var email: String
    public var metadata: [String: JSONValue]?

    public func validate(_ problems: inout Problems) {
        problems.checkText(self.customerId, at: "customerId")
        problems.checkText(self.name, at: "name")
        problems.require(
            EmailAddress.isPlausible(self.email), at: "email", "must be an e-mail address such as name@example.com",
            code: "format")
    }
}

public struct Customer: Codable, Sendable, Hashable {
    public let id: String
    public let name: String
    public let email: String
    public let metadata: [String: JSONValue]?
}

public struct CustomerReceipt: Codable, Sendable, Hashable {
    public var customerId: String
    public var name: String
    public var email: String
    public var status: String
}

struct CreateCustomerHandler: CommandHandler {
    let customers: any Repository<Customer>

    func handle(_ command: CreateCustomer, context: CommandContext) async throws -> CustomerReceipt {
        try await self.customers.change(command.customerId, in: context) { customer in
            guard customer == nil else {
                throw CommandError.rejected("CUSTOMER_ALREADY_EXISTS", "there is a customer of this id")
            }
            customer = Customer(
                id: command.customerId, name: command.name, email: command.email, metadata: command.metadata)
            return CustomerReceipt(
                customerId: command.customerId, name: command.name, email: command.email, status: "created")
        }
    }
}

/// The shape of e-mail addresses; only sending a message could tell more.
enum EmailAddress {
    /// One `@`, a local part of at most 64 bytes, a domain of two labels or more, 254 bytes in all (RFC 5321).
    static func isPlausible(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254 else { return false }
        let local = parts[0]
        let isClean = text.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value != 0x7f && !$0.properties.isWhitespace
        }
        guard isClean, (1...64).contains(local.utf8.count), !local.hasPrefix("."), !local.hasSuffix("."),
            !local.contains("..")
        else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
            }
    }
}
