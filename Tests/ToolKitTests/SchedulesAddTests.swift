import ArgumentParser
import Testing

@testable import ToolKit

@Suite struct SchedulesAddTests {
    @Test(
        "An attribute that is none is named, before any database is asked",
        arguments: [
            ("Bad=x", "the attribute Bad: an attribute's name must be 1 to 20 small letters and digits"),
            ("subject=", "the attribute subject: subject must not be empty"),
        ])
    func attributes(_ text: String, _ message: String) async throws {
        let command = try SchedulesAddCommand.parse([
            "--domain", "lab", "--type", "lab.run", "--in", "1m", "--attribute", text,
        ])
        let error = await #expect(throws: ToolError.self) { try await command.run() }
        #expect(error?.exit == .usage && error?.message == message)
    }
}
