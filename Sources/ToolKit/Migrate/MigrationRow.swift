import JSONCoding
import PostgresClient

/// A line of `migrate status`.
struct MigrationRow: Encodable {
    var number: Int
    var name: String
    /// `applied`, `pending`, `changed` or `unknown`.
    var state: String
    var appliedAt: String?

    init(_ status: PostgresMigrationStatus) {
        self.number = status.number
        self.name = status.name
        self.state = status.state.rawValue
        self.appliedAt = status.appliedAt.map { RFC3339.format($0.microseconds) }
    }

    /// A newer program's migration is no reason to do anything.
    var isInOrder: Bool { self.state == "applied" || self.state == "unknown" }

    static func table(_ rows: [MigrationRow]) -> TextTable {
        var table = TextTable([
            .init("NUMBER", isRight: true), .init("NAME"), .init("STATE"), .init("APPLIED"),
        ])
        for row in rows {
            let style: TextStyle = row.state == "applied" ? .good : row.isInOrder ? .doubtful : .bad
            table.add(["\(row.number)", .init(row.name), .init(row.state, style), .init(row.appliedAt ?? "")])
        }
        return table
    }
}
