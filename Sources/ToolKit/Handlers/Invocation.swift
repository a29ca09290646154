import Commands
import JSONCoding
import Logging

/// Runs one event's handler as a worker would, once.
struct Invocation {
    struct Response: Sendable {
        var status: Int
        /// JSON.
        var body: [UInt8]
    }

    let services: [any CommandService]
    let settings: Settings
    let logger: Logger

    func respond(to event: [UInt8]) async throws -> Response {
        let record: Record
        do {
            record = try Self.record(of: event)
        } catch {
            return Self.failure(500, "poison", code: error.code, message: error.message)
        }
        let envelope: Envelope
        do {
            envelope = try EnvelopeReader(limits: self.settings.limits()).read(record)
        } catch {
            return Self.failure(500, "poison", code: error.code, message: error.message)
        }
        for service in self.services {
            var registry = try ToolEnvironment.current.registry(of: service)
            registry.updatePolicies { type, policy in self.settings.apply(to: &policy, of: type) }
            guard let index = registry.find(envelope.type) else { continue }
            if let expiry = envelope.microseconds(.expirytime), expiry <= Clock.now() {
                return Self.failure(
                    500, FailureClass.expired.rawValue, code: "EXPIRED",
                    message: "expirytime had passed before the first attempt")
            }
            return await self.run(registry.entries[index], envelope, domain: service.domain)
        }
        return Self.failure(
            404, FailureClass.unhandled.rawValue, code: "NO_HANDLER",
            message: "no handler is registered for the command type")
    }

    private func run(_ entry: HandlerEntry, _ envelope: Envelope, domain: Domain) async -> Response {
        let context = CommandContext(
            envelope: envelope,
            surroundings: ContextSurroundings(domain: domain, worker: "invoke", logger: self.logger), attempt: 1,
            maxAttempts: entry.policy.retry.attempts, deadline: .now + entry.policy.timeout)
        let limits = self.settings.limits()
        do {
            let output = try await Self.within(entry.policy.timeout) { try await entry.run(context, limits) }
            return Response(status: 200, body: output)
        } catch let error as CommandError {
            let status =
                switch error.failureClass {
                case .invalid: 422
                case .rejected: 409
                case .unhandled: 404
                default: 500
                }
            return Self.failure(
                status, error.failureClass.rawValue, code: error.code, message: error.message, problems: error.problems)
        } catch let error as PoisonReason {
            return Self.failure(500, FailureClass.poison.rawValue, code: error.code, message: error.message)
        } catch is TimedOut {
            let limit = DurationText.text(milliseconds: entry.policy.timeout.wholeMilliseconds)
            return Self.failure(
                500, FailureClass.transient.rawValue, code: "TIMEOUT",
                message: "the handler ran past its timeout of \(limit)")
        } catch {
            // The error's own text may hold data; its type does not.
            return Self.failure(
                500, FailureClass.transient.rawValue, code: "UNKNOWN_ERROR",
                message: "the handler threw an error of the type \(Swift.type(of: error))")
        }
    }

    private struct TimedOut: Error {}

    private static func within(
        _ timeout: Duration, _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw TimedOut()
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    private static func failure(
        _ status: Int, _ failureClass: String, code: String, message: String, problems: [Problem] = []
    ) -> Response {
        struct Body: Encodable {
            var `class`: String
            var code: String
            var message: String
            var errors: [Problem]
        }
        let body = Body(class: failureClass, code: code, message: message, errors: problems)
        return Response(status: status, body: (try? FastJSONEncoder().encode(body)) ?? Array("{}".utf8))
    }

    /// The event as a structured-mode record; what it leaves out is filled in.
    private static func record(of event: [UInt8]) throws(PoisonReason) -> Record {
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: event, limits: JSONLimits(maxDepth: 512, maxBytes: 1 << 30))
        } catch {
            throw PoisonReason(code: "BAD_EVENT", message: "the event is not readable JSON: \(error.message)")
        }
        guard document.root.kind == .object else {
            throw PoisonReason(code: "BAD_EVENT", message: "the event is not a JSON object with type and data")
        }
        var members: [(String, ArraySlice<UInt8>)] = []
        var key: [UInt8]?
        for (name, value) in document.root.members where !value.isNull {
            if name == "key", let text = value.stringValue {
                key = Array(text.utf8)
            } else {
                members.append((name, value.rawBytes))
            }
        }
        let now = Clock.now()
        var writer = JSONWriter()
        writer.beginObject()
        for (name, text) in [
            ("specversion", "1.0"), ("id", Identifier.commandID(at: now)), ("source", ToolEnvironment.current.name),
            ("datacontenttype", "application/json"),
        ] where !members.contains(where: { $0.0 == name }) {
            writer.key(escaping: name)
            writer.string(text)
        }
        for (name, bytes) in members {
            writer.key(escaping: name)
            writer.rawJSON(bytes)
        }
        writer.endObject()
        return Record(
            topic: "stdin", key: key, value: writer.finish(),
            headers: [("content-type", Array("application/cloudevents+json".utf8))])
    }
}
