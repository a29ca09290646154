import Commands
import PostgresClient
import Synchronization
import Testing

@testable import Ledger
@testable import Processor

/// Schedules that handlers make in the transactions of their commands.
@Suite(.timeLimit(.minutes(10))) struct HandlerScheduleTests {
    private static func request(_ name: String, _ timing: ScheduleRequest.Timing) throws -> ScheduleRequest {
        try ScheduleRequest("lab.run", in: "lab", data: ["echo": name], key: "k", timing, name: name)
    }

    @Test("A schedule stands or falls with the command that made it")
    func transaction() async throws {
        try await Inbox.with { inbox in
            struct Abandoned: Error {}
            let first = await inbox.attempt(try inbox.command("fails")) { transaction in
                _ = try await transaction.schedule(Self.request("never", .after(.seconds(600))))
                throw Abandoned()
            }
            #expect(first.name == "recorded")
            let id = Mutex("")
            let second = await inbox.attempt(try inbox.command("succeeds", offset: 1)) { transaction in
                let made = try await transaction.schedule(
                    Self.request("nightly", .cron("30 2 * * *", timeZone: "Europe/Berlin")))
                id.withLock { $0 = made }
            }
            #expect(second.name == "recorded")
            let store = ScheduleStore(inbox.database.connection)
            let found = try await store.list()
            #expect(found.rows.map(\.name) == ["nightly"])
            #expect(found.rows.map(\.id) == [id.withLock { $0 }])
            #expect(found.rows.first?.data == Array(#"{"echo":"nightly"}"#.utf8))
            #expect(found.rows.first?.timeZone == "Europe/Berlin")

            let third = await inbox.attempt(try inbox.command("cancels", offset: 2)) { transaction in
                try await transaction.cancelSchedule("nightly")
            }
            #expect(third.name == "recorded")
            #expect(try await store.list().rows.map(\.state) == [.cancelled])
        }
    }

    @Test("What makes no sense is the command's failure, for good")
    func refused() async throws {
        try await Inbox.with { inbox in
            try await ScheduleStore(inbox.database.connection).add(
                ScheduleDraft(domain: "lab", type: "lab.run", timing: .after(.seconds(600)), name: "taken"))
            let requests: [(String, ScheduleRequest?)] = [
                ("BAD_SCHEDULE", try Self.request("a", .cron("every tuesday"))),
                ("BAD_SCHEDULE", try Self.request("b", .cron("@daily", timeZone: "Mars/Olympus"))),
                ("SCHEDULE_CONFLICT", try Self.request("taken", .after(.zero))),
                ("NO_SCHEDULE", nil),
            ]
            for (index, (code, request)) in requests.enumerated() {
                let scope = inbox.ledger.scope(of: try inbox.command("c-\(index)", offset: Int64(index)))
                let error = await #expect(throws: CommandError.self) {
                    try await scope.transaction { transaction in
                        guard let request else { return try await transaction.cancelSchedule("nobody") }
                        _ = try await transaction.schedule(request)
                    }
                }
                #expect(error?.code == code)
                #expect(error?.failureClass == .permanent)
                let failure = AttemptFailure(failureClass: .permanent, code: code, message: "")
                let command = try inbox.command("c-\(index)", offset: Int64(index))
                _ = await inbox.ledger.record(inbox.entry(command, .failed, failure: failure), in: scope)
            }
            #expect(try await ScheduleStore(inbox.database.connection).list().rows.count == 1)
        }
    }
}
