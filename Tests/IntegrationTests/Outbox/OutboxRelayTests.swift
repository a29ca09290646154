import Foundation
import KafkaClient
import PostgresClient
import PostgresServer
import Testing

@testable import Ledger

@Suite("Outbox relay", .enabled(if: OutboxLab.isInstalled, OutboxLab.hint), .timeLimit(.minutes(10)))
struct OutboxRelayTests {
    @Test("two relays and a hundred thousand events of a thousand keys: order holds, and each is sent once")
    func twoRelays() async throws {
        try await OutboxLab.with { lab in
            try await lab.watching { witness in
                // A lease that a busy machine cannot make run out: then nothing needs to be sent twice.
                let (first, second) = (lab.relay { $0.lease = .seconds(60) }, lab.relay { $0.lease = .seconds(60) })
                try await lab.running(first, second) {
                    try await lab.wait("slots of both") {
                        try await OutboxStatus.read(from: lab.database).relays.map(\.slots) == [32, 32]
                    }
                    for round in 0..<10 { try await lab.put(keys: 1000, from: 10 * round, count: 10) }
                    try await lab.wait("all events") { witness.distinct == 100_000 }
                    try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                }
                #expect(witness.now.faults.isEmpty)
                // Slots change hands while nothing of them is under way.
                #expect(witness.now.repetitions == 0)
                #expect(try await OutboxStatus.read(from: lab.database).relays.isEmpty)
            }
        }
    }

    @Test("a relay that is killed again and again loses nothing and breaks no order", arguments: [false, true])
    func killed(isFrozen: Bool) async throws {
        try await OutboxLab.with { lab in
            try await lab.watching { witness in
                var relays = [try await lab.relayProcess(), try await lab.relayProcess()]
                try await lab.wait("slots of both") {
                    try await OutboxStatus.read(from: lab.database).relays.map(\.slots) == [32, 32]
                }
                for round in 0..<5 {
                    // Read before the events are put: on a slow machine they may all have left once that is answered.
                    let before = witness.distinct
                    try await lab.put(keys: 1000, from: 20 * round, count: 20)
                    try await lab.wait("progress") { witness.distinct > before + 2000 }
                    let victim = relays.removeFirst()
                    if isFrozen {
                        victim.signal(SIGSTOP)
                        // The other one takes over, although the frozen one's connections stand.
                        try await lab.wait("the rest") { witness.distinct == 20_000 * (round + 1) }
                        victim.signal(SIGCONT)
                        relays.append(victim)
                    } else {
                        try await blocking { victim.killNow() }
                        relays.append(try await lab.relayProcess())
                    }
                }
                try await lab.wait("all events") { witness.distinct == 100_000 }
                try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                for relay in relays {
                    relay.signal(SIGTERM)
                    #expect(try await blocking { try relay.waitForExit(seconds: 120) } == 0)
                }
                #expect(witness.now.faults.isEmpty)
                // A group of each victim at most, and what was on its way of a frozen one once more.
                #expect(witness.now.repetitions <= 5 * 2 * OutboxSettings().groupRows)
            }
        }
    }

    @Test("the database restarts in the middle")
    func databaseRestarts() async throws {
        try await OutboxLab.with { lab in
            try await lab.watching { witness in
                try await lab.running(lab.relay(), lab.relay()) {
                    for round in 0..<3 {
                        let database = try await PostgresConnection.connect(lab.configuration, logger: .silent)
                        let before = witness.distinct
                        try await lab.put(keys: 500, from: 20 * round, count: 20, on: database)
                        try await lab.wait("progress") { witness.distinct > before }
                        try await lab.server.stop(round == 0 ? .fast : .immediate)
                        try await lab.server.start()
                    }
                    try await lab.wait("all events") { witness.distinct == 30_000 }
                    let database = try await PostgresConnection.connect(lab.configuration, logger: .silent)
                    try await lab.wait("an empty outbox") {
                        try await database.query("SELECT count(*) FROM adjutant.outbox").only.get(0) == 0
                    }
                }
                #expect(witness.now.faults.isEmpty)
            }
        }
    }

    @Test("the brokers are away in the middle, longer than the relay waits for them")
    func brokersAway() async throws {
        try await OutboxLab.with { lab in
            try await lab.watching { witness in
                let log = OutboxLog()
                try await lab.running(lab.relay(logger: log.logger) { $0.deliveryTimeout = .seconds(1) }) {
                    try await lab.put(keys: 500, from: 0, count: 20)
                    try await lab.wait("progress") { witness.distinct > 0 }
                    try lab.broker.takeDown()
                    try await lab.put(keys: 500, from: 20, count: 20)
                    try await lab.wait("the relay's second start") { log.count(of: "starting over") >= 2 }
                    try lab.broker.bringUp()
                    try await lab.wait("all events") { witness.distinct == 20_000 }
                    try await lab.wait("an empty outbox") { try await lab.left() == 0 }
                }
                #expect(witness.now.faults.isEmpty)
            }
        }
    }

    @Test("without notifications, a poll finds what is new; with them, it need not be waited for")
    func notifications() async throws {
        try await OutboxLab.with { lab in
            try await lab.watching { witness in
                // Whoever sleeps for an hour finds nothing by looking.
                try await lab.running(lab.relay { $0.pollInterval = .seconds(3600) }) {
                    try await self.sleeps(lab)
                    try await lab.put(keys: 1, from: 0, count: 1)
                    try await lab.wait("the notified event") { witness.distinct == 1 }
                }
                try await lab.running(lab.relay { $0.listens = false }) {
                    try await self.sleeps(lab)
                    try await lab.put(keys: 1, from: 1, count: 1)
                    try await lab.wait("the event that was looked for") { witness.distinct == 2 }
                }
                // The listener's connection is lost without the relay's own.
                try await lab.running(lab.relay()) {
                    try await self.sleeps(lab)
                    try await lab.database.query(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    )
                    try await lab.put(keys: 1, from: 2, count: 1)
                    try await lab.wait("the event behind the lost notification") { witness.distinct == 3 }
                }
            }
        }
    }

    private func sleeps(_ lab: OutboxLab) async throws {
        try await lab.wait("sleep") { try await OutboxStatus.read(from: lab.database).relays.map(\.isAsleep) == [true] }
        // Past the looks that follow on falling asleep.
        try await Task.sleep(for: .milliseconds(500))
    }
}
