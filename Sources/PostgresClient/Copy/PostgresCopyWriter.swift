/// Takes the rows of a `COPY … FROM STDIN (FORMAT binary)`.
///
/// Values must be of exactly the columns' types: COPY casts nothing.
package struct PostgresCopyWriter: ~Copyable {
    private let core: ConnectionCore
    private let request: ConnectionRequest
    private var buffer: [UInt8]

    /// So much is collected before it is sent.
    private static let chunk = 64 << 10

    init(core: ConnectionCore, request: ConnectionRequest) {
        self.core = core
        self.request = request
        // The signature of the format, no flags, no extension of the header.
        self.buffer = Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        self.buffer.reserveCapacity(Self.chunk + 4096)
    }

    /// Adds a row; waits when the network does not keep up.
    package mutating func write(_ row: [PostgresValue]) async throws {
        self.buffer.appendBigEndian(Int16(row.count))
        for value in row {
            let start = self.buffer.count
            self.buffer.appendBigEndian(Int32(-1))
            guard value.encode(into: &self.buffer) else { continue }
            let length = Int32(self.buffer.count - start - 4)
            withUnsafeBytes(of: length.bigEndian) { self.buffer.replaceSubrange(start..<start + 4, with: $0) }
        }
        if self.buffer.count >= Self.chunk { try await self.flush() }
    }

    private mutating func flush() async throws {
        try Task.checkCancellation()
        try await self.core.copy(self.buffer, for: self.request)
        self.buffer.removeAll(keepingCapacity: true)
    }

    mutating func finish() async throws {
        self.buffer.appendBigEndian(Int16(-1))
        try await self.flush()
    }

    /// - Returns: How many rows were copied.
    static func run(
        _ statement: PostgresStatement, on core: ConnectionCore, isAutocommit: Bool,
        _ body: (inout PostgresCopyWriter) async throws -> Void
    ) async throws -> Int {
        let request = ConnectionRequest(.copy(statement.text), isAutocommit: isAutocommit)
        _ = try await core.perform(request)
        var writer = PostgresCopyWriter(core: core, request: request)
        do {
            try await body(&writer)
            try await writer.finish()
        } catch {
            // The server answers with an error, which is not the reason.
            let answer = await Result { try await core.endCopy("given up", for: request) }
            if case .failure(let cause as PostgresError) = answer, cause.sqlState != .queryCanceled { throw cause }
            throw error
        }
        return try await core.endCopy(nil, for: request).last?.affected ?? 0
    }
}

extension PostgresConnection {
    /// Loads rows by `COPY … FROM STDIN (FORMAT binary)`: all or none of them.
    ///
    /// - Returns: How many.
    @discardableResult
    package func copyIn(
        _ statement: PostgresStatement, _ body: (inout PostgresCopyWriter) async throws -> Void
    ) async throws -> Int {
        try await PostgresCopyWriter.run(statement, on: self.core, isAutocommit: true, body)
    }
}
