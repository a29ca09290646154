import Logging
import PostgresClient
import Processor
import Synchronization

/// Sends what is in the outbox, and deletes what Kafka has.
///
/// Any number of relays share the 64 slots by leases in a table: neither a lock of a session nor one of a transaction,
/// because a frozen relay would keep those, because a proxy that shares connections (PgBouncer in transaction mode) has
/// no sessions, and because a transaction that stays open while Kafka answers keeps VACUUM from its work.
///
/// A record whose delivery is unknown keeps its row and is sent again, with the same bytes and so the same id.
package final class OutboxRelay: RecordReceiver {
    let configuration: PostgresConfiguration
    let settings: OutboxSettings
    let logger: Logger
    /// Of this run, in the database.
    let id: String
    let book: Mutex<OutboxBook>
    let bell = OutboxBell()
    private let isStopping = Mutex(false)
    private let slotsAreFree = Mutex(false)
    /// Notifications arrive.
    private let hears = Mutex(false)
    private let makeSender: @Sendable (any RecordReceiver) throws -> any RecordSender

    /// - Parameter sender: Makes the sender, which reports to the receiver that it is given. Called on the relay's task,
    ///   once for each run.
    package init(
        configuration: PostgresConfiguration, settings: OutboxSettings = OutboxSettings(), logger: Logger,
        sender: @escaping @Sendable (any RecordReceiver) throws -> any RecordSender
    ) {
        self.configuration = configuration
        self.settings = settings
        self.logger = logger
        self.id = "\(settings.worker)-\(UInt64.random(in: .min ... .max))"
        self.book = Mutex(OutboxBook(settings: settings))
        self.makeSender = sender
    }

    /// Relays until ``stop()``, or the task's cancellation: then what is under way is sent again by others, once the
    /// lease is over.
    ///
    /// - Parameter ready: Called when the outbox has been read for the first time.
    /// - Throws: When no sender can be made; failures of the database are waited out.
    package func run(ready: @escaping @Sendable () -> Void = {}) async throws {
        let sender = try self.makeSender(self)
        await withTaskGroup(of: Void.self) { group in
            if self.settings.listens { group.addTask { await self.listen() } }
            var loop = RelayLoop(relay: self, sender: sender)
            await loop.run(ready: ready)
            group.cancelAll()
        }
        await self.closing(sender)
    }

    /// Lets what is under way end, within the grace, and then ends ``run()``.
    package func stop() {
        self.isStopping.withLock { $0 = true }
        self.bell.ring()
    }

    /// There is something new in the outbox: for callers in the same process, who so need no notification.
    package func wake() { self.bell.ring() }

    var mustStop: Bool { self.isStopping.withLock { $0 } || Task.isCancelled }

    package func settled(_ reports: [RecordReport]) {
        let now = ContinuousClock.now
        let isWorthALook = self.book.withLock { book in
            var isFailure = false
            for report in reports {
                if report.outcome != .delivered { isFailure = true }
                book.settle(report.ticket, report.outcome, now: now)
            }
            return isFailure || book.awaited == 0
        }
        if isWorthALook { self.bell.ring() }
    }

    private func listen() async {
        let listener = PostgresListener(
            self.configuration, channels: ["adjutant_outbox"], logger: self.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            for await event in listener.events {
                switch event {
                case .listening: self.hears.withLock { $0 = true }
                case .interrupted: self.hears.withLock { $0 = false }
                case .notified(let notification) where notification.payload == "slots":
                    self.slotsAreFree.withLock { $0 = true }
                case .notified: break
                }
                self.bell.ring()
            }
            group.cancelAll()
        }
    }

    /// How long new rows may wait at present: not long while it should hear of them and does not.
    var pollInterval: Duration {
        let isDeaf = self.settings.listens && !self.hears.withLock { $0 }
        return isDeaf ? min(self.settings.pollInterval, Self.deafInterval) : self.settings.pollInterval
    }

    private static let deafInterval = Duration.milliseconds(50)

    /// Whether another relay has let go of slots since this was asked last.
    func takeFreeSlots() -> Bool {
        self.slotsAreFree.withLock { areFree in
            defer { areFree = false }
            return areFree
        }
    }

    /// Closing blocks.
    private func closing(_ sender: any RecordSender) async {
        await withCheckedContinuation { continuation in
            NamedThread.start("adj-outbox-end") {
                sender.close()
                continuation.resume()
            }
        }
    }
}
