import PostgresClient

/// How many commands of a batch have ended, and how.
package struct BatchCounts: Hashable, Sendable {
    package var succeeded = 0
    package var exhausted = 0
    package var permanent = 0
    package var rejected = 0
    package var invalid = 0
    package var unhandled = 0
    package var poison = 0
    package var expired = 0
    package var cancelled = 0
    /// Of those that failed.
    package var deadLettered = 0

    package init() {}

    /// Of failures by class; those that did not occur are left out.
    package var failedByClass: [(name: String, count: Int)] {
        [
            ("exhausted", self.exhausted), ("permanent", self.permanent), ("rejected", self.rejected),
            ("invalid", self.invalid), ("unhandled", self.unhandled), ("poison", self.poison),
            ("expired", self.expired),
        ].filter { $0.1 > 0 }
    }

    package var failed: Int { self.failedByClass.reduce(0) { $0 + $1.count } }
    package var finished: Int { self.succeeded + self.failed + self.cancelled }

    static let names = [
        "succeeded", "exhausted", "permanent", "rejected", "invalid", "unhandled", "poison", "expired", "cancelled",
        "dead_lettered",
    ]

    /// The sums over a batch's shards, as columns.
    static let sums = Self.names.map { "coalesce(sum(p.\($0)), 0)::bigint AS \($0)" }.joined(separator: ", ")

    /// Reads the columns of ``sums``, the first of them at this place.
    init(_ row: PostgresRow, from column: Int) throws {
        self.succeeded = try row.get(column)
        self.exhausted = try row.get(column + 1)
        self.permanent = try row.get(column + 2)
        self.rejected = try row.get(column + 3)
        self.invalid = try row.get(column + 4)
        self.unhandled = try row.get(column + 5)
        self.poison = try row.get(column + 6)
        self.expired = try row.get(column + 7)
        self.cancelled = try row.get(column + 8)
        self.deadLettered = try row.get(column + 9)
    }
}
