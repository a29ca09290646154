import Foundation
import Synchronization

/// One broker and one worker for all tests that look at single commands: each test brings ids of its own.
enum SharedLab {
    private static let made = Mutex<Lab?>(nil)

    static let attemptTimeout = "1s"

    /// Runs the body with the lab, which is made by whoever comes first and ends with the tests.
    static func with<Result: Sendable>(_ body: @escaping @Sendable (Lab) throws -> Result) async throws -> Result {
        try await blocking {
            let lab = try Self.made.withLock { made in
                if let lab = made { return lab }
                let lab = try Lab(partitions: 8)
                _ = try lab.worker(
                    ["--name", "shared"],
                    settings: ["ADJUTANT_RETRY_TIMEOUT": Self.attemptTimeout, "ADJUTANT_LOG_LEVEL": "debug"])
                made = lab
                return lab
            }
            return try body(lab)
        }
    }
}

extension Lab {
    /// Sends one command and waits for its outcome.
    func outcome(of message: CommandMessage, partition: Int32 = -1) throws -> Event {
        try self.sender.send(message, partition: partition)
        try self.sender.flush()
        try self.journal.waitForOutcomes(of: [message.id])
        guard let event = self.journal.now.outcomes[message.id]?.first else { throw HarnessError("no outcome") }
        return event
    }

    /// Waits for the record of a command on the dead-letter topic.
    func deadLetter(_ what: String, where matches: @escaping (Event) -> Bool) throws -> Event {
        try self.journal.wait("dead letter of \(what)") { $0.deadLetters.contains(where: matches) }
        return self.journal.now.deadLetters.first(where: matches)!
    }

    /// Waits for audit events of a command, of the kinds named, in any order.
    func audits(of id: String, _ kinds: [String]) throws -> [Event] {
        try self.journal.wait("audit of \(id)") {
            Set(kinds).isSubset(of: ($0.audits[id] ?? []).map(\.auditKind))
        }
        return self.journal.now.audits[id] ?? []
    }
}
