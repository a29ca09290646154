import Commands
import Synchronization

/// Keeps aggregates in the process: for demonstrations and tests.
public final class InMemoryRepository<Aggregate: Codable & Sendable>: Repository {
    /// What one command did, for answering it again and for undoing it.
    package struct Applied: Sendable {
        package let id: String
        package let before: Aggregate?
        package let after: Aggregate?
        fileprivate let answer: any Sendable
    }

    private struct Contents {
        var aggregates: [String: Aggregate] = [:]
        var applied: [String: Applied] = [:]
        /// The commands of `applied` in the order of their coming, a ring once it is full.
        var order: [String] = []
        var next = 0
    }

    private let contents = Mutex(Contents())
    private let remembered: Int

    /// - Parameter remembered: For how many commands what they did is kept; at least 1.
    public init(remembered: Int = 100_000) { self.remembered = max(1, remembered) }

    public func change<Answer: Codable & Sendable>(
        _ id: String, in context: CommandContext, _ change: @escaping @Sendable (inout Aggregate?) throws -> Answer
    ) async throws -> Answer {
        let command = Self.name(context.type, context.commandID)
        return try self.contents.withLock { contents in
            if let earlier = contents.applied[command], earlier.id == id, let answer = earlier.answer as? Answer {
                return answer
            }
            let before = contents.aggregates[id]
            var aggregate = before
            let answer = try change(&aggregate)
            contents.aggregates[id] = aggregate
            let applied = Applied(id: id, before: before, after: aggregate, answer: answer)
            if contents.applied.updateValue(applied, forKey: command) == nil {
                self.remember(command, in: &contents)
            }
            return answer
        }
    }

    public func find(_ id: String, in context: CommandContext) async throws -> Aggregate? {
        self.contents.withLock { $0.aggregates[id] }
    }

    /// What a command did here, if that is still remembered.
    package func applied(type: CommandType, commandID: String) -> Applied? {
        self.contents.withLock { $0.applied[Self.name(type, commandID)] }
    }

    private func remember(_ command: String, in contents: inout Contents) {
        guard contents.order.count == self.remembered else {
            contents.order.append(command)
            return
        }
        contents.applied[contents.order[contents.next]] = nil
        contents.order[contents.next] = command
        contents.next = (contents.next + 1) % self.remembered
    }

    private static func name(_ type: CommandType, _ commandID: String) -> String { "\(type.rawValue) \(commandID)" }
}
