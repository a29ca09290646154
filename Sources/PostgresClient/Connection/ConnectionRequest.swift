import CLibPQ

/// Something a connection was asked to do, from the asking until its answer.
///
/// `@unchecked Sendable`: everything that changes is touched under the connection's lock only.
final class ConnectionRequest: @unchecked Sendable {
    enum Kind {
        /// In pipeline mode, with one sync at the end.
        case statements([PostgresCall])
        /// Any number of statements in one text, by the simple protocol; without parameters.
        case script(String)
        /// COPY … FROM STDIN; rows follow.
        case copy(String)
    }

    /// What libpq will hand out next for statements.
    enum Step {
        case prepare(call: Int, name: String)
        case execute(call: Int, name: String?)
        case sync
    }

    enum Cancellation { case none, wanted, running, done }

    typealias Answer = Result<[PostgresRows], any Error>

    let kind: Kind
    /// Its last statement is COMMIT.
    let isCommit: Bool
    /// Sent outside a transaction, so that a lost answer leaves its effect open.
    let isAutocommit: Bool

    /// Something of it may have reached the server. Readable without the connection's lock once the answer is there.
    var wasStarted = false
    var steps: [Step] = []
    var nextStep = 0
    /// libpq answers "no more" after each statement but not after a sync.
    var awaitsEnd = false
    var rows: [PostgresRows] = []
    var error: PostgresError?
    var cancellation = Cancellation.none
    /// All answers are here; only a cancel request is still under way.
    var isAnswered = false
    var continuation: UnsafeContinuation<Answer, Never>?

    /// COPY: the server takes rows.
    var takesRows = false
    /// COPY: no more rows follow.
    var isEnded = false

    init(_ kind: Kind, isCommit: Bool = false, isAutocommit: Bool) {
        self.kind = kind
        self.isCommit = isCommit
        self.isAutocommit = isAutocommit
    }

    /// More than the protocol can number.
    static let parameterLimit = 65_535

    var hasTooManyParameters: Bool {
        guard case .statements(let calls) = self.kind else { return false }
        return calls.contains { $0.parameters.count > Self.parameterLimit }
    }

    /// What the asker is told once all is answered.
    var answer: Answer {
        guard let error else { return .success(self.rows) }
        if error.sqlState == .queryCanceled, self.cancellation != .none { return .failure(CancellationError()) }
        return .failure(error)
    }
}

/// A continuation to resume once the connection's lock is free.
struct Resumption {
    let continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    let answer: ConnectionRequest.Answer

    func resume() { self.continuation.resume(returning: self.answer) }
}
