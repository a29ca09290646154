import PostgresServer

/// The database of a demonstration: a server of its own where the programs are installed, otherwise none.
struct DemoDatabase: Sendable, CustomStringConvertible {
    private let server: PostgresServer?
    let description: String

    var url: String? { self.server?.url }

    static func start() async -> DemoDatabase {
        guard let programs = PostgresPrograms.find() else {
            return DemoDatabase(
                server: nil, description: "none: no PostgreSQL server is installed, so a command sent twice runs twice")
        }
        do {
            let server = try await PostgresServer.start(programs)
            return DemoDatabase(
                server: server,
                description: "PostgreSQL at 127.0.0.1:\(server.port), temporary: a command sent twice runs once")
        } catch {
            return DemoDatabase(server: nil, description: "none: \(error)")
        }
    }

    func remove() async { await self.server?.remove() }
}
