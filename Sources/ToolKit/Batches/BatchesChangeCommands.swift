import ArgumentParser
import Ledger

struct BatchesCloseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Say that no more commands are added, so that the batch can complete.",
        discussion: """
            Exit codes: 0 closed, 3 no such batch, 4 it is closed already.

            EXAMPLES
              adjutant batches close 01890a5d-ac96-774b-bcce-b302099a8057 --total 5000
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The batch's id")
    var id: String

    @Option(help: "How many commands it has; what was added up when absent")
    var total: Int?

    func validate() throws {
        if let total, total < 0 { throw ValidationError("--total must not be below 0") }
    }

    func run() async throws {
        let settings = try self.options.settings()
        try await DatabaseSession.run(settings) { try await BatchStore($0).close(self.id, total: self.total) }
        say("batch \(self.id.printable) is closed")
    }
}

struct BatchesCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Keep a batch's commands that have not run from running.",
        discussion: """
            They end as cancelled when workers come upon them; what has run stays. Workers look this up only when they run \
            with a database.

            Exit codes: 0 cancelled, 3 no such batch, 4 it is through or cancelled already.

            EXAMPLES
              adjutant batches cancel 01890a5d-ac96-774b-bcce-b302099a8057 --reason 'wrong file'
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: "The batch's id")
    var id: String

    @Option(help: "Why: told in the failure events")
    var reason: String?

    @OptionGroup var actor: ActorOption

    func run() async throws {
        let settings = try self.options.settings()
        let batch = try await DatabaseSession.run(settings) { connection in
            try await BatchStore(connection).cancel(self.id, reason: self.reason, by: self.actor.name)
        }
        say("batch \(self.id.printable) is cancelled: \(batch.waiting) of \(batch.total) commands had not ended")
    }
}
