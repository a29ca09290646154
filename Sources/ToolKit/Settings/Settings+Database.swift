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

    /// The flag's value goes over what is there; nil leaves it.
    ///
    /// - Throws: ``ToolError`` when it holds a password, which every user of the machine could read.
    package mutating func setDatabaseURL(_ url: String?) throws {
        if let url, Self.holdsPassword(url) {
            throw ToolError(
                .usage,
                "--database-url: passwords do not belong on the command line; use ADJUTANT_DATABASE_URL, PGPASSWORD or a "
                    + "password file")
        }
        try self.set("database.url", url, flag: "database-url")
    }

    /// Whether a connection string holds a secret, in any of libpq's spellings.
    static func holdsPassword(_ url: String) -> Bool {
        if url.firstMatch(of: #/(?i)(^|[\s?&])(ssl)?password\s*=/#) != nil { return true }
        guard let scheme = url.firstRange(of: "://") else { return false }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else {
            // A slash or a question mark inside a password that nobody escaped.
            return url[scheme.upperBound...].firstMatch(of: #/^[^@\/?]*:[^@]*@/#) != nil
        }
        return authority[..<at].contains(":")
    }
}

extension ToolError {
    /// Translates what the database said.
    package init(database error: any Error) {
        guard let error = error as? PostgresError else {
            self.init(error)
            return
        }
        let isAway = [.connectFailed, .connectionLost, .poolTimeout].contains(error.code)
        let exit = Self.exit(error) ?? (isAway ? .unreachable : .error)
        // A table or the whole schema is missing.
        let isBare = error.sqlState == .undefinedTable || error.sqlState?.category == "3F"
        let hint = isBare ? "; apply the migrations to the database first" : ""
        self.init(exit, "the database: \(error)\(hint)")
    }

    /// The exit code where it is the same for all that use the database.
    static func exit(_ error: PostgresError) -> ToolExit? {
        if error.code == .configuration { return .usage }
        if error.sqlState == .insufficientPrivilege || error.sqlState?.category == "28" { return .denied }
        if error.sqlState?.category == "3D" { return .notFound }
        switch error.kind {
        case .reconnect, .timeout, .resources, .unknownCommit: return .unreachable
        case .retry, .constraint, .fatal: return nil
        }
    }
}
