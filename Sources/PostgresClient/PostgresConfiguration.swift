import CLibPQ

/// How to reach a database, and the limits that hold on every connection.
package struct PostgresConfiguration: Sendable, CustomStringConvertible {
    /// libpq's own settings, TLS among them.
    private(set) var settings: [(keyword: String, value: String)]
    package var applicationName = "adjutant"
    /// The server ends a statement that takes longer (`statement_timeout`).
    package var statementTimeout: Duration = .seconds(30)
    /// The server ends a connection that idles longer inside a transaction (`idle_in_transaction_session_timeout`).
    package var idleInTransactionTimeout: Duration = .seconds(15)
    /// The server ends a statement that waits longer for a lock (`lock_timeout`).
    package var lockTimeout: Duration = .seconds(10)
    package var connectTimeout: Duration = .seconds(10)
    /// A server that is silent for so much longer than a statement may take is given up.
    package var answerGrace: Duration = .seconds(10)
    /// A server that takes no writes, a standby, is as good as none; the URL's `target_session_attrs` goes over it.
    package var isForWriting = false
    /// Of a pool.
    package var maxConnections = 8

    /// - Parameter url: A URI (`postgres://user@host/database?sslmode=verify-full`) or `keyword=value` pairs, as libpq
    ///   reads them (chapter 34.1 of PostgreSQL's manual).
    /// - Throws: ``PostgresError`` when libpq cannot read it.
    package init(url: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            // libpq quotes the part that it stumbled over, which may be a password.
            let text = message.map { String(cString: $0) } ?? "out of memory"
            PQfreemem(message)
            let safe = text.replacing(#/".*"/#.dotMatchesNewlines(), with: "…").split(separator: "\n").first ?? ""
            throw PostgresError(
                code: .configuration, kind: .fatal,
                message: "the database URL cannot be read: \(safe); give postgres://user@host/database or keyword=value"
            )
        }
        defer { PQconninfoFree(options) }
        var settings: [(String, String)] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { settings.append((String(cString: keyword), String(cString: value))) }
            option += 1
        }
        self.settings = settings
    }

    /// What libpq is told, in its order of precedence.
    var parameters: [(keyword: String, value: String)] {
        var parameters = self.settings.filter { $0.keyword != "options" }
        func add(_ keyword: String, _ value: String) {
            if !parameters.contains(where: { $0.keyword == keyword }) { parameters.append((keyword, value)) }
        }
        add("application_name", self.applicationName)
        // A server that went away without a word is noticed within half a minute.
        add("keepalives_idle", "15")
        add("keepalives_interval", "5")
        add("keepalives_count", "3")
        add("tcp_user_timeout", "30000")
        if self.isForWriting { add("target_session_attrs", "read-write") }
        parameters.removeAll { $0.keyword == "client_encoding" }
        add("client_encoding", "UTF8")
        // The last setting of a name holds, so that the limits cannot be lifted by the URL.
        let options = self.settings.first { $0.keyword == "options" }?.value
        let limits = [
            "statement_timeout": self.statementTimeout, "lock_timeout": self.lockTimeout,
            "idle_in_transaction_session_timeout": self.idleInTransactionTimeout,
        ]
        let own = limits.sorted { $0.key < $1.key }.map { "-c \($0.key)=\($0.value.wholeMilliseconds)" }
        // Where a way of finding rows is ruled out and there is no other, the planner's estimate is so high that the server
        // compiles the statement anew each time it runs: 15 ms and more for one that takes a tenth of one.
        parameters.append(("options", (["-c jit=off"] + [options].compactMap { $0 } + own).joined(separator: " ")))
        return parameters
    }

    /// Where to, without secrets.
    package var description: String {
        let shown = ["host", "hostaddr", "port", "dbname", "user"]
        return self.settings.filter { shown.contains($0.keyword) }.map { "\($0.keyword)=\($0.value)" }
            .joined(separator: " ")
    }
}

extension Duration {
    /// At least 1: PostgreSQL reads 0 as "for ever".
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
