import ArgumentParser
import Ledger

struct CommandsPruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove what ended long ago from the database.",
        usage: "adjutant commands prune --older-than <duration> [--execute]",
        discussion: """
            Removes commands that ended before that time, or whose next attempt was due before it and never came, with \
            their events, and cancellations, batches and schedules that are over. It goes in small transactions and waits for no lock; stopped half-way, what is removed stays removed.

            A removed command is forgotten: should it be sent again, by its sender or as a dead letter, it runs again.

            EXAMPLES
              adjutant commands prune --older-than 90d
              adjutant commands prune --older-than 90d --execute
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(name: .customLong("older-than"), help: "Ended before: so long ago, 90d, or RFC 3339")
    var olderThan: String

    @Option(
        name: .customLong("batch-size"),
        help: ArgumentHelp("Rows removed in one transaction", valueName: "rows"))
    var batchSize = 1000

    @Flag(help: "Do it; without this flag nothing is changed")
    var execute = false

    func validate() throws {
        guard (1...100_000).contains(self.batchSize) else {
            throw ValidationError("--batch-size must be between 1 and 100000")
        }
    }

    func run() async throws {
        let settings = try self.options.settings()
        let time = try TimeText.moment(self.olderThan, now: Clock.now(), ago: true, flag: "older-than")
        try await DatabaseSession.run(settings) { connection in
            let store = HistoryStore(connection)
            guard self.execute else {
                let count = try await store.countPrunable(before: time)
                return say("nothing was changed: \(count) commands to remove; add --execute to do it")
            }
            let pruned = try await store.prune(before: time, batchSize: self.batchSize)
            say(
                "removed \(pruned.commands) commands, \(pruned.cancellations) cancellations, \(pruned.batches) batches, "
                    + "\(pruned.schedules) schedules")
        }
    }
}
