import Commands
import Foundation
import PostgresClient

extension PostgresCommandTransaction {
    /// The handler's transaction as a session: what fails in it voids the transaction.
    private struct Session: PostgresSession {
        let owner: PostgresCommandTransaction

        func run(_ calls: [PostgresCall]) async throws -> [PostgresRows] { try await self.owner.perform(calls) }
    }

    func schedule(_ request: ScheduleRequest) async throws -> String {
        try await self.translating {
            var draft = ScheduleDraft(
                domain: request.domain, type: request.type, key: request.key, data: request.data,
                attributes: request.attributes, timing: try ScheduleTiming(request.timing), name: request.name,
                missedPolicy: request.skipsMissed ? .skip : .fireOnce)
            draft.createdBy = "a handler"
            return try await ScheduleStore(Session(owner: self)).add(draft).id
        }
    }

    func cancelSchedule(_ idOrName: String) async throws {
        try await self.translating { _ = try await ScheduleStore(Session(owner: self)).cancel(idOrName) }
    }

    private func translating<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as LedgerError {
            let code =
                switch error.kind {
                case .notFound: "NO_SCHEDULE"
                case .conflict: "SCHEDULE_CONFLICT"
                case .invalid: "BAD_SCHEDULE"
                }
            throw CommandError.permanent(code, error.message)
        } catch let error as CronError {
            throw CommandError.permanent("BAD_SCHEDULE", error.description)
        } catch let error as PostgresError {
            throw DatabaseError(error)
        }
    }
}

extension ScheduleTiming {
    fileprivate init(_ timing: ScheduleRequest.Timing) throws {
        switch timing {
        case .after(let duration): self = .after(duration)
        case .at(let moment): self = .at(moment)
        case .cron(let text, let zone): self = .cron(try CronExpression(text), try TimeZone(scheduleZone: zone))
        }
    }
}
