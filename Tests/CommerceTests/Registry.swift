import Commands
import JSONCoding
import Logging
import Testing

/// Runs commands through a service's registry, from JSON to JSON, as a worker would.
struct Registry {
    private let handlers: HandlerRegistry
    private let domain: Domain

    init(_ service: some CommandService) throws {
        var handlers = Handlers()
        service.register(in: &handlers)
        self.handlers = try handlers.registry()
        self.domain = service.domain
    }

    var types: [String] { self.handlers.entries.map(\.type.rawValue) }

    @discardableResult
    func run(
        _ type: String, id: String = "c-1", attempt: Int = 1, timeout: Duration = .seconds(30), _ json: String
    ) async throws -> JSONValue {
        let record = Record(
            topic: self.domain.commandsTopic, value: Array(json.utf8),
            headers: [
                ("ce_specversion", Array("1.0".utf8)), ("ce_id", Array(id.utf8)), ("ce_source", Array("test".utf8)),
                ("ce_type", Array(type.utf8)), ("content-type", Array("application/json".utf8)),
            ])
        let context = CommandContext(
            envelope: try EnvelopeReader().read(record),
            surroundings: ContextSurroundings(
                domain: self.domain, worker: "worker-1", logger: Logger(label: "test")),
            attempt: attempt, maxAttempts: 3, deadline: .now + timeout)
        let index = try #require(self.handlers.find(type), "no handler for \(type)")
        let output = try await self.handlers.entries[index].run(context, EnvelopeLimits())
        return try FastJSONDecoder().decode(JSONValue.self, from: output)
    }

    /// How the command failed: `class CODE`; nil when it succeeded.
    func failure(
        _ type: String, id: String = "c-1", attempt: Int = 1, timeout: Duration = .seconds(30), _ json: String
    ) async throws -> String? {
        do {
            try await self.run(type, id: id, attempt: attempt, timeout: timeout, json)
            return nil
        } catch let error as CommandError {
            return "\(error.failureClass.rawValue) \(error.code)"
        }
    }

    /// The paths of all problems with their codes: `path code`, sorted.
    func problems(_ type: String, _ json: String) async throws -> [String] {
        do {
            try await self.run(type, json)
            return []
        } catch let error as CommandError where error.failureClass == .invalid {
            return error.problems.map { "\($0.path) \($0.code)" }.sorted()
        }
    }
}
