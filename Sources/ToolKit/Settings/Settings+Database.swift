import PostgresClient

extension Settings {
    /// The database to be used.
    ///
    /// - Throws: ``ToolError`` when none is named, or libpq cannot read what is.
    package func database() throws -> PostgresConfiguration {
        guard let url = self.text("database.url"), !url.isEmpty else {
            throw ToolError(
                .usage,
                "no database given: use --database-url, ADJUTANT_DATABASE_URL or database.url in the configuration file"
            )
        }
        do {
            return try PostgresConfiguration(url: url)
        } catch {
            throw ToolError(database: error)
        }
    }
}

extension ToolError {
    /// Translates what the database said.
    package init(database error: any Error) {
        guard let error = error as? PostgresError else {
            self.init(error)
            return
        }
        let exit: ToolExit
        if error.sqlState?.category == "28" || error.sqlState == .insufficientPrivilege {
            exit = .denied
        } else {
            switch error.code {
            case .configuration: exit = .usage
            case .connectFailed, .connectionLost, .poolTimeout: exit = .unreachable
            default: exit = error.kind == .reconnect ? .unreachable : .error
            }
        }
        let hint = error.sqlState == .undefinedTable ? "; apply the migrations to the database first" : ""
        self.init(exit, "the database: \(error)\(hint)")
    }
}
