import Commands
import Foundation
import PortConformance
import PostgresClient
import Processor
import Synchronization
import Testing

@testable import Ledger

/// PostgreSQL's ledger keeps to the port as the fake of the engine's tests does.
@Suite(.timeLimit(.minutes(10))) struct LedgerConformanceTests {
    @Test(arguments: LedgerConformance.allCases) func conforms(check: LedgerConformance) async throws {
        let database = try await Database.make()
        try await database.connection.script("CREATE TABLE effects (note text)")
        let opened = Mutex<[(PostgresLedger, Task<Void, Never>)]>([])
        try await check.run(
            on: LedgerStage(
                open: { worker in
                    var settings = PostgresLedger.Settings(group: "tests", worker: worker)
                    settings.openLimit = .seconds(120)
                    let ledger = PostgresLedger(
                        configuration: database.configuration, settings: settings, logger: Database.logger)
                    opened.withLock { $0.append((ledger, Task { await ledger.run() })) }
                    return ledger
                },
                own: { ledger, partitions in
                    try await withCheckedThrowingContinuation { continuation in
                        Thread.detachNewThread { continuation.resume(with: Result { try ledger.own(partitions) }) }
                    }
                },
                cancel: { domain, id, reason in
                    try await database.connection.query(
                        "INSERT INTO adjutant.cancellations (domain, id, reason) VALUES ($1, $2, $3)",
                        [.text(domain), .text(id), .text(reason)])
                },
                written: { try await database.connection.query("SELECT note FROM effects").map { try $0.get(0) } },
                write: { _ = try await $0.query("INSERT INTO effects (note) VALUES ($1)", [.text($1)]) },
                close: {
                    let all = opened.withLock { $0 }
                    for (ledger, _) in all { ledger.close() }
                    for (_, run) in all { await run.value }
                }))
    }
}
