import Commands
import PostgresClient
import Synchronization
import struct Foundation.UUID

/// What a handler sees of its transaction.
final class PostgresCommandTransaction: CommandTransaction {
    private let transaction: PostgresTransaction
    private struct State {
        /// Of a statement: what follows it is void.
        var firstFailure: PostgresError?
        /// Statements on their way.
        var underWay = 0
        /// When the last one was answered.
        var idleSince = ContinuousClock.now
    }

    private let state = Mutex(State())

    init(_ transaction: PostgresTransaction) { self.transaction = transaction }

    var failure: PostgresError? { self.state.withLock { $0.firstFailure } }

    /// For how long the handler has asked for nothing; nil while the database has something to do for it.
    var idleTime: Duration? {
        self.state.withLock { $0.underWay > 0 ? nil : ContinuousClock.now - $0.idleSince }
    }

    func query(_ sql: SQL, _ parameters: [SQLValue]) async throws -> [SQLRow] {
        let rows = try await self.run(
            PostgresCall(PostgresStatement(trusted: sql.text.description), parameters.map(PostgresValue.init)))
        guard !rows.isEmpty else { return [] }
        let names = rows.columnNames
        do {
            return try rows.map { row in
                SQLRow(columns: names, values: try names.indices.map { try row.sqlValue($0) })
            }
        } catch let error as PostgresError {
            throw DatabaseError(error)
        }
    }

    func emit(_ record: OutboxRecord) async throws {
        _ = try await self.run(
            PostgresCall(
                LedgerSQL.emit,
                [
                    .text(record.topic), .optional(record.key) { .text($0) }, .bytes(record.value),
                    .texts(record.headers.map(\.name)), .bytes(record.headers.map { Array($0.value.utf8) }),
                ]))
    }

    private func run(_ call: PostgresCall) async throws -> PostgresRows {
        do {
            return try await self.perform([call])[0]
        } catch let error as PostgresError {
            throw DatabaseError(error)
        }
    }

    /// Runs statements and remembers the first failure, which voids the transaction.
    func perform(_ calls: [PostgresCall]) async throws -> [PostgresRows] {
        self.state.withLock { $0.underWay += 1 }
        defer {
            self.state.withLock { state in
                state.underWay -= 1
                state.idleSince = .now
            }
        }
        do {
            return try await self.transaction.run(calls)
        } catch {
            let failure =
                error as? PostgresError
                ?? PostgresError(code: .usage, kind: .timeout, message: "the handler was cancelled")
            self.state.withLock { if $0.firstFailure == nil { $0.firstFailure = failure } }
            throw error is CancellationError ? error : failure
        }
    }
}

extension PostgresValue {
    init(_ value: SQLValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int64(value)
        case .double(let value): self = .double(value)
        case .text(let value): self = .text(value)
        case .bytes(let value): self = .bytes(value)
        case .json(let value): self = .json(value)
        case .timestamp(let value): self = .timestamp(PostgresTimestamp(microseconds: value))
        }
    }
}

extension DatabaseError {
    init(_ error: PostgresError) {
        var constraint: String?
        if case .constraint(let name) = error.kind { constraint = name }
        // A statement that takes too long, or is cancelled with its handler, is the command's own trouble: were it not to
        // count, the command would be run for ever.
        self.init(
            message: error.message, sqlState: error.sqlState?.rawValue, constraint: constraint,
            isTransient: (error.isTransient && error.kind != .timeout) || error.kind == .unknownCommit)
    }
}

extension PostgresRow {
    func sqlValue(_ column: Int) throws(PostgresError) -> SQLValue {
        if self.isNull(column) { return .null }
        switch self.type(column) {
        case .bool: return .bool(try self.get(column))
        case .int2, .int4, .int8, .oid: return .int(try self.get(column))
        case .float4, .float8: return .double(try self.get(column))
        case .bytea: return .bytes(try self.get(column))
        case .json, .jsonb: return .json(try self.get(column))
        case .timestamptz, .timestamp: return .timestamp(try self.get(column, as: PostgresTimestamp.self).microseconds)
        case .uuid: return .text(try self.get(column, as: UUID.self).uuidString.lowercased())
        default: return .text(try self.get(column))
        }
    }
}
