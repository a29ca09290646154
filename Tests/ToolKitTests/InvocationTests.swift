import Commands
import JSONCoding
import Logging
import Synchronization
import Testing

@testable import ToolKit

/// One event's handler, run in process.
@Suite struct InvocationTests {
    private struct Step: Command { static let type: CommandType = "test.step" }

    private final class Service: CommandService {
        let domain: Domain = "test"
        let runs = Atomic(0)

        func register(in handlers: inout Handlers) {
            handlers.on(Step.self) { _, _ in
                self.runs.add(1, ordering: .relaxed)
                return NoOutput()
            }
        }
    }

    private func respond(expiring time: String, _ service: Service) async throws -> Invocation.Response {
        try await Invocation(services: [service], settings: Settings(), logger: Logger(label: "tests"))
            .respond(to: Array(#"{"type":"test.step","data":{},"expirytime":"\#(time)"}"#.utf8))
    }

    @Test("An event whose expirytime has passed is not run, as by a worker")
    func expired() async throws {
        let service = Service()
        let response = try await self.respond(expiring: "2001-01-01T00:00:00Z", service)
        #expect(response.status == 500)
        let body = try JSONDocument(parsing: response.body).root
        #expect(body["class"]?.stringValue == "expired" && body["code"]?.stringValue == "EXPIRED")
        #expect(service.runs.load(ordering: .relaxed) == 0)
    }

    @Test("An event whose expirytime is to come is run")
    func inTime() async throws {
        let service = Service()
        let response = try await self.respond(expiring: "2999-01-01T00:00:00Z", service)
        #expect(response.status == 200)
        #expect(service.runs.load(ordering: .relaxed) == 1)
    }
}
