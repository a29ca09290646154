import PostgresClient

extension Settings {
    /// Where the database is, if there is one.
    package func database() throws -> PostgresConfiguration? {
        guard let url = self.text("database.url") else { return nil }
        do {
            return try PostgresConfiguration(url: url)
        } catch {
            throw ToolError(.usage, "database.url: \(error)")
        }
    }
}
