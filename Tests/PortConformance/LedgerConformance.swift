import Commands
import Processor

/// One empty database, for one check.
package struct LedgerStage: Sendable {
    /// The ledger of a worker of that name, at work.
    package var open: @Sendable (_ worker: String) async throws -> any CommandLedger
    /// Takes partitions on; calls what blocks from a thread of its own.
    package var own: @Sendable (any CommandLedger, [TopicPartition]) async throws -> [Int64]
    /// As an operator cancels a command.
    package var cancel: @Sendable (_ domain: String, _ id: String, _ reason: String) async throws -> Void
    /// The notes of ``LedgerStage/write`` that are kept.
    package var written: @Sendable () async throws -> [String]
    /// What a handler does.
    package var write: @Sendable (any CommandTransaction, _ note: String) async throws -> Void
    package var close: @Sendable () async throws -> Void

    package init(
        open: @escaping @Sendable (String) async throws -> any CommandLedger,
        own: @escaping @Sendable (any CommandLedger, [TopicPartition]) async throws -> [Int64],
        cancel: @escaping @Sendable (String, String, String) async throws -> Void,
        written: @escaping @Sendable () async throws -> [String],
        write: @escaping @Sendable (any CommandTransaction, String) async throws -> Void,
        close: @escaping @Sendable () async throws -> Void
    ) {
        self.open = open
        self.own = own
        self.cancel = cancel
        self.written = written
        self.write = write
        self.close = close
    }
}

/// What every ``CommandLedger`` promises; the fake and PostgreSQL's are held to the same.
package enum LedgerConformance: String, CaseIterable, Sendable {
    case eachOwnerHasAnEpochOfItsOwn, anOutcomeIsRemembered, aFailureIsRememberedWhole, domainsAreKeptApart
    case writesStandOrFallWithTheSuccess, theFirstOutcomeHolds, aRetryIsRemembered, attemptsAreNotForgotten
    case whatIsPutOffIsRemembered, anEarlierOwnerIsShutOut, anEarlierOwnerHearsOfAnOutcome
    case aDeadLetterMayRunAgain, aCancelledCommandIsFound, aWorkerThatGaveUpIsTold, aClosedLedgerAnswers

    package func run(on stage: LedgerStage) async throws {
        do {
            let run = LedgerRun(stage: stage, worker: try await LedgerWorker.start("w1", on: stage))
            switch self {
            case .eachOwnerHasAnEpochOfItsOwn: try await run.eachOwnerHasAnEpochOfItsOwn()
            case .anOutcomeIsRemembered: try await run.anOutcomeIsRemembered()
            case .aFailureIsRememberedWhole: try await run.aFailureIsRememberedWhole()
            case .domainsAreKeptApart: try await run.domainsAreKeptApart()
            case .writesStandOrFallWithTheSuccess: try await run.writesStandOrFallWithTheSuccess()
            case .theFirstOutcomeHolds: try await run.theFirstOutcomeHolds()
            case .aRetryIsRemembered: try await run.aRetryIsRemembered()
            case .attemptsAreNotForgotten: try await run.attemptsAreNotForgotten()
            case .whatIsPutOffIsRemembered: try await run.whatIsPutOffIsRemembered()
            case .anEarlierOwnerIsShutOut: try await run.anEarlierOwnerIsShutOut()
            case .anEarlierOwnerHearsOfAnOutcome: try await run.anEarlierOwnerHearsOfAnOutcome()
            case .aDeadLetterMayRunAgain: try await run.aDeadLetterMayRunAgain()
            case .aCancelledCommandIsFound: try await run.aCancelledCommandIsFound()
            case .aWorkerThatGaveUpIsTold: try await run.aWorkerThatGaveUpIsTold()
            case .aClosedLedgerAnswers: try await run.aClosedLedgerAnswers()
            }
        } catch {
            try await stage.close()
            throw error
        }
        try await stage.close()
    }
}
