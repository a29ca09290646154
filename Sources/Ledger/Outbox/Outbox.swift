import Commands
import JSONCoding
import PostgresClient

/// Puts records into the outbox, as part of the caller's transaction: they leave for Kafka once it has committed, and
/// not at all when it rolls back.
package enum Outbox {
    /// Puts records, in this order.
    ///
    /// - Throws: ``PostgresError``.
    package static func put(_ records: [OutboxRecord], in session: any PostgresSession) async throws {
        let calls = self.calls(for: records)
        if !calls.isEmpty { _ = try await session.run(calls) }
    }

    package static func put(_ record: OutboxRecord, in session: any PostgresSession) async throws {
        try await self.put([record], in: session)
    }

    /// Puts a command for the domain's `commands` topic, as CloudEvents in binary mode (Kafka binding, 3.2).
    ///
    /// - Parameters:
    ///   - data: JSON.
    ///   - key: Commands with the same key run one after the other.
    ///   - attributes: Further attributes by name, `correlationid` for example.
    /// - Returns: The command's id.
    /// - Throws: ``PostgresError``.
    @discardableResult
    package static func putCommand(
        _ type: CommandType, data: [UInt8], to domain: Domain, key: String? = nil, id: String,
        source: String, time microseconds: Int64, attributes: [String: String] = [:], in session: any PostgresSession
    ) async throws -> String {
        var time: [UInt8] = []
        RFC3339.append(microseconds, to: &time)
        var record = OutboxRecord(topic: domain.commandsTopic, key: key, value: data, headers: [])
        func add(_ name: String, _ value: String) { record.headers.append((name, value)) }
        add("content-type", "application/json")
        add("ce_specversion", "1.0")
        add("ce_id", id)
        add("ce_source", source)
        add("ce_type", type.rawValue)
        add("ce_time", String(decoding: time, as: UTF8.self))
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { add("ce_\(name)", value) }
        try await self.put(record, in: session)
        return id
    }

    /// The statements that put records, for callers who send them together with their own.
    package static func calls(for records: [OutboxRecord]) -> [PostgresCall] {
        var calls: [PostgresCall] = []
        var rest = records[...]
        for (rows, statement) in Self.statements {
            while rest.count >= rows {
                calls.append(PostgresCall(statement, rest.prefix(rows).flatMap(self.values)))
                rest = rest.dropFirst(rows)
            }
        }
        return calls
    }

    private static func values(_ record: OutboxRecord) -> [PostgresValue] {
        [
            .text(record.topic), .optional(record.key) { .bytes(Array($0.utf8)) }, .bytes(record.value),
            .texts(record.headers.map(\.name)), .bytes(record.headers.map { Array($0.value.utf8) }),
        ]
    }

    /// Few sizes, so that each is prepared once: the largest first.
    private static let statements = [64, 8, 1].map { rows in
        let values = (0..<rows).map { row in "(" + (1...5).map { "$\(5 * row + $0)" }.joined(separator: ",") + ")" }
        return (
            rows,
            PostgresStatement(
                trusted: "INSERT INTO adjutant.outbox (topic, key, value, header_names, header_values) VALUES "
                    + values.joined(separator: ","))
        )
    }
}
