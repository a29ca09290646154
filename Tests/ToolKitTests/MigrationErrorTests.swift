import PostgresClient
import Testing

@testable import ToolKit

@Suite("Exit codes of migrate")
struct MigrationErrorTests {
    @Test(
        "an error of the database has the exit code of its kind",
        arguments: [
            ("28P01", .fatal, .denied), ("42501", .fatal, .denied), ("3D000", .fatal, .notFound),
            ("57P03", .reconnect, .unreachable), ("53300", .resources, .unreachable), ("42P01", .fatal, .error),
        ] as [(String, PostgresError.Kind, ToolExit)])
    func server(_ state: String, _ kind: PostgresError.Kind, _ exit: ToolExit) {
        let error = PostgresError(code: .server, kind: kind, message: "", sqlState: SQLState(rawValue: state))
        #expect(ToolError(migration: error).exit == exit)
    }

    @Test("a URL that cannot be read is a usage error, a changed migration a conflict")
    func own() {
        #expect(ToolError(migration: PostgresError(code: .configuration, kind: .fatal, message: "")).exit == .usage)
        #expect(ToolError(migration: PostgresError(code: .migration, kind: .fatal, message: "")).exit == .denied)
    }
}
