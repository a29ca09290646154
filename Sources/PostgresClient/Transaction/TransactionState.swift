/// What a transaction has sent, and what it still has to send before the next statement.
///
/// BEGIN, SAVEPOINT and RELEASE wait for the next statement and share its round trip.
struct TransactionState {
    enum Phase { case open, ended }

    private(set) var phase = Phase.open
    /// To be sent before the next statement.
    private var pending: [PostgresCall]
    /// A statement was sent, so that the server knows of the transaction.
    private(set) var isSent = false
    /// The server takes nothing but a rollback since this error.
    private(set) var failure: PostgresError?
    private(set) var depth = 0

    init(begin: PostgresStatement) { self.pending = [PostgresCall(begin)] }

    /// What to send for these statements, and how many come before them.
    mutating func statements(for calls: [PostgresCall]) -> (calls: [PostgresCall], before: Int) {
        self.isSent = true
        guard !self.pending.isEmpty else { return (calls, 0) }
        defer { self.pending.removeAll(keepingCapacity: true) }
        return (self.pending + calls, self.pending.count)
    }

    mutating func failed(_ error: PostgresError) { if self.failure == nil { self.failure = error } }

    mutating func beginSavepoint() -> Int {
        self.depth += 1
        self.pending.append(PostgresCall(PostgresStatement(trusted: "SAVEPOINT a\(self.depth)")))
        return self.depth
    }

    mutating func releaseSavepoint(_ depth: Int) {
        self.depth = depth - 1
        self.pending.append(PostgresCall(PostgresStatement(trusted: "RELEASE SAVEPOINT a\(depth)")))
    }

    /// Undoes all since the savepoint; also after a failure.
    mutating func rollBackSavepoint(_ depth: Int) -> [PostgresCall] {
        self.depth = depth - 1
        self.failure = nil
        // It was not even sent.
        let name = "SAVEPOINT a\(depth)"
        if let index = self.pending.lastIndex(where: { $0.statement.text == name }) {
            self.pending.removeSubrange(index...)
            return []
        }
        // What waits belongs to inner savepoints, which this undoes too.
        self.pending.removeAll()
        return [
            PostgresCall(PostgresStatement(trusted: "ROLLBACK TO SAVEPOINT a\(depth)")),
            PostgresCall(PostgresStatement(trusted: "RELEASE SAVEPOINT a\(depth)")),
        ]
    }

    mutating func end() { self.phase = .ended }
}
