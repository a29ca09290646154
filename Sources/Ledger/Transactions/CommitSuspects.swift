import Processor
import Synchronization

/// Commands of transactions whose COMMIT was refused: whose fault it was shows when each has a transaction of its own.
final class CommitSuspects: Sendable {
    /// Some never come back: so many are remembered, and should there be more, all are forgotten. The next COMMIT that
    /// is refused finds the culprits among them again.
    private static let limit = 4096

    private let keys = Mutex<Set<CommandKey>>([])

    func add(_ commands: [LedgerCommand]) {
        let added = commands.map { CommandKey($0) }
        self.keys.withLock { keys in
            if keys.count + added.count > Self.limit { keys.removeAll() }
            keys.formUnion(added)
        }
    }

    func contains(_ command: LedgerCommand) -> Bool {
        self.keys.withLock { keys in !keys.isEmpty && keys.contains(CommandKey(command)) }
    }

    func remove(_ command: LedgerCommand) {
        self.keys.withLock { keys in
            guard !keys.isEmpty else { return }
            keys.remove(CommandKey(command))
        }
    }
}
