import PostgresClient
import PostgresServer
import Testing

extension IntegrationTests {
    @Suite(.enabled(if: OutboxLab.isInstalled, OutboxLab.hint)) struct MigrateTests {
        @Test("What migrate sql prints can be applied by another tool, and again after that")
        func printed() async throws {
            let server = try await PostgresServer.start(#require(OutboxLab.programs))
            do {
                let url = server.url
                func run(_ arguments: String..., exit: Int32) async throws -> String {
                    try await blocking {
                        let program = try Program(
                            ["migrate"] + arguments, environment: ["ADJUTANT_DATABASE_URL": url])
                        let code = try program.waitForExit(seconds: 60)
                        #expect(code == exit, "\(program.tail)")
                        return program.output.all.joined(separator: "\n")
                    }
                }
                _ = try await run("status", exit: 2)
                let sql = try await run("sql", "--grant-to", "shop_worker", exit: 0)
                let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), logger: .silent)
                try await connection.script("CREATE ROLE shop_worker")
                for _ in 1...2 { try await connection.script(sql) }
                _ = try await run("status", exit: 0)
                _ = try await run("up", exit: 0)
                connection.close()
                await server.remove()
            } catch {
                await server.remove()
                throw error
            }
        }
    }
}
