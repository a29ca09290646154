import Logging
import PostgresClient
import Processor
import Synchronization

extension RelayLoop {
    /// Keeps the slots, and takes or gives back some when they are unevenly shared.
    mutating func renew(on connection: PostgresConnection) async throws {
        let sent = ContinuousClock.now
        let settings = self.relay.settings
        let answers = try await connection.run([
            OutboxStatements.prepare,
            OutboxStatements.appear(self.relay.id, worker: settings.worker, lease: settings.lease),
            OutboxStatements.renew(self.relay.id, slots: self.lease.list, lease: settings.lease),
        ])
        let held = try answers[2].map { try $0.get(0, as: Int.self) }
        self.lease.renewed(held, others: try answers[1].only.get(0), lease: settings.lease, sent: sent)
        if held.count < self.lease.share {
            let claimed = try await connection.run([
                OutboxStatements.prepare,
                OutboxStatements.claim(self.relay.id, count: self.lease.share - held.count, lease: settings.lease),
            ])[1]
            self.lease.claimed(try claimed.map { try $0.get(0, as: Int.self) })
        }
        self.lease.divide()
    }

    /// Gives back what is too much, as soon as nothing of it is under way: so no record is sent twice for it.
    mutating func giveBack(on connection: PostgresConnection) async throws {
        guard !self.lease.leaving.isEmpty else { return }
        let free = self.relay.book.withLock { book in self.lease.leaving.filter { book.pending(slot: $0) == 0 } }
        guard !free.isEmpty else { return }
        try await connection.run(OutboxStatements.release(self.relay.id, slots: Array(free)))
        self.lease.released(free)
    }

    /// When nothing at all comes back, a new sender may fare better, and so may another relay.
    mutating func startOverWhenStuck(on connection: PostgresConnection) async throws {
        let limit = self.relay.settings.deliveryTimeout
        let now = ContinuousClock.now
        guard self.relay.book.withLock({ $0.giveUp(after: limit, now: now) }) else { return }
        self.relay.logger.warning("Kafka has not answered for long: starting over", metadata: ["after": "\(limit)"])
        self.sender.startOver()
        guard self.lease.others > 0, !self.lease.slots.isEmpty else { return }
        try await connection.run(OutboxStatements.release(self.relay.id, slots: self.lease.list))
        self.lease.pause(until: now + self.relay.settings.lease / 2)
    }

    /// Waits for what is under way, tells the table, and lets go of the slots.
    mutating func end(on connection: PostgresConnection) async throws {
        let limit = ContinuousClock.now + self.relay.settings.grace
        while self.relay.book.withLock({ $0.inFlight }) > 0, limit > .now, !Task.isCancelled {
            await self.relay.bell.wait(atMost: limit - .now)
        }
        let settled = self.relay.book.withLock { book in
            let settled = book.takeSettled()
            return OutboxStatements.settle(settled, in: book)
        }
        let isAnythingUnderWay = self.relay.book.withLock { $0.inFlight } > 0
        // What is given up now may still arrive: the slots wait for the end of the lease.
        let release = isAnythingUnderWay ? [] : OutboxStatements.release(self.relay.id, slots: self.lease.list)
        try await connection.run(
            [OutboxStatements.prepare] + settled + release + [OutboxStatements.disappear(self.relay.id)])
    }
}
