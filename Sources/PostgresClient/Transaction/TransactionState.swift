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
    /// The names of the savepoints that are open, the outermost first.
    private var savepoints: [String] = []
    private var named = 0

    init(begin: PostgresStatement) { self.pending = [PostgresCall(begin)] }

    /// What to send for these statements, and how many come before them.
    mutating func statements(for calls: [PostgresCall]) -> (calls: [PostgresCall], before: Int) {
        self.isSent = true
        guard !self.pending.isEmpty else { return (calls, 0) }
        defer { self.pending.removeAll(keepingCapacity: true) }
        return (self.pending + calls, self.pending.count)
    }

    /// The request was refused before anything of it was sent: what was to come before its statements is still to be sent.
    ///
    /// The interleaving that asks for it: a body's release waits, the next body's savepoint behind it, and that body's
    /// first statement is cancelled before it is sent. Were both forgotten, undoing the second body would undo the first.
    mutating func notSent(_ before: ArraySlice<PostgresCall>) { self.pending.insert(contentsOf: before, at: 0) }

    mutating func failed(_ error: PostgresError) { if self.failure == nil { self.failure = error } }

    /// - Returns: The savepoint's depth, from 1.
    mutating func beginSavepoint() -> Int {
        // A savepoint never has the name of one that may still be open on the server: what undoes it would undo that one.
        // Few names, as each is prepared once.
        self.named = (self.named + 1) % 8
        self.savepoints.append("a\(self.savepoints.count + 1)_\(self.named)")
        self.pending.append(PostgresCall(PostgresStatement(trusted: "SAVEPOINT \(self.savepoints.last!)")))
        return self.savepoints.count
    }

    mutating func releaseSavepoint(_ depth: Int) {
        let name = self.close(depth)
        self.pending.append(PostgresCall(PostgresStatement(trusted: "RELEASE SAVEPOINT \(name)")))
    }

    private mutating func close(_ depth: Int) -> String {
        let name = self.savepoints[depth - 1]
        self.savepoints.removeSubrange((depth - 1)...)
        return name
    }

    /// Undoes all since the savepoint; also after a failure.
    mutating func rollBackSavepoint(_ depth: Int) -> [PostgresCall] {
        let name = self.close(depth)
        self.failure = nil
        // It was not even sent.
        if let index = self.pending.lastIndex(where: { $0.statement.text == "SAVEPOINT \(name)" }) {
            self.pending.removeSubrange(index...)
            return []
        }
        // What waits belongs to inner savepoints, which this undoes too.
        self.pending.removeAll()
        return [
            PostgresCall(PostgresStatement(trusted: "ROLLBACK TO SAVEPOINT \(name)")),
            PostgresCall(PostgresStatement(trusted: "RELEASE SAVEPOINT \(name)")),
        ]
    }

    mutating func end() { self.phase = .ended }
}
