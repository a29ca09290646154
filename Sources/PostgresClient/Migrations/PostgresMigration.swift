import Crypto

/// One numbered change of a database's schema.
package struct PostgresMigration: Sendable {
    /// From 1, each used once for ever.
    package let number: Int
    package let name: String
    /// Any number of statements; they run in one transaction.
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// SHA-256 of the text, by which a changed one is noticed.
    var checksum: String {
        SHA256.hash(data: Array(self.sql.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// Where a migration stands in one database.
package struct PostgresMigrationStatus: Sendable, Equatable {
    package enum State: String, Sendable {
        case pending
        case applied
        /// Its text is not the one that was applied.
        case changed
        /// Applied, and not known to this program: a newer one was here.
        case unknown
    }

    package var number: Int
    package var name: String
    package var state: State
    package var appliedAt: PostgresTimestamp?
}
