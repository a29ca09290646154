import Commands
import Logging
import Testing

struct Item: Codable, Sendable {
    var productId: String
    var quantity: Int
}

struct PlaceOrder: Command {
    static let type: CommandType = "order.place"

    struct Output: Codable, Sendable {
        var total: Int
    }

    var orderId: String
    var userId: String?
    var items: [Item]

    func validate(_ problems: inout Problems) {
        problems.require(!self.orderId.isEmpty, at: \.orderId, "must not be empty", code: "empty")
        for (index, item) in self.items.enumerated() {
            problems.require(item.quantity > 0, at: "items[\(index)].quantity", "must be positive", code: "range")
        }
    }
}

/// A handler with a property of its own.
struct Counting: CommandHandler {
    var bonus: Int

    func handle(_ command: PlaceOrder, context: CommandContext) async throws -> PlaceOrder.Output {
        PlaceOrder.Output(total: command.items.reduce(self.bonus) { $0 + $1.quantity })
    }
}

/// Runs the one handler of a registry as a worker would; the answer is the output, or how it failed.
func call(
    _ handlers: Handlers, _ data: String, contentType: String? = "application/json",
    limits: EnvelopeLimits = EnvelopeLimits()
) async throws -> String {
    let registry = try handlers.registry()
    let record = record(["content-type": contentType], value: data)
    let context = CommandContext(
        envelope: try EnvelopeReader(limits: limits).read(record),
        surroundings: ContextSurroundings(domain: "test", worker: "w", logger: Logger(label: "test")), attempt: 1,
        maxAttempts: 3, deadline: .now + .seconds(30))
    do {
        return String(decoding: try await registry.entries[0].run(context, limits), as: UTF8.self)
    } catch let error as CommandError {
        let problems = error.problems.map { "\($0.path) \($0.code)" }.sorted().joined(separator: ", ")
        return "\(error.failureClass.rawValue) \(error.code): \(problems)"
    } catch let reason as PoisonReason {
        return "poison \(reason.code)"
    }
}
