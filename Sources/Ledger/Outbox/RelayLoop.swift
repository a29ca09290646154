import Commands
import Logging
import PostgresClient
import Processor
import Synchronization

/// The relay's one loop: slots, then a group of rows, then the wait for its reports or for new rows.
struct RelayLoop {
    let relay: OutboxRelay
    let sender: any RecordSender
    var lease: OutboxLease
    var idle = OutboxIdleness()
    private var draft = OutgoingRecord()
    /// Topics that had rows when the table was asked.
    private var topics: [String] = []
    private var topicsReadAt: ContinuousClock.Instant?

    init(relay: OutboxRelay, sender: any RecordSender) {
        self.relay = relay
        self.sender = sender
        self.lease = OutboxLease(now: .now)
    }

    private var settings: OutboxSettings { self.relay.settings }
    private var logger: Logger { self.relay.logger }

    mutating func run(ready: @escaping @Sendable () -> Void) async {
        var ready: (@Sendable () -> Void)? = ready
        var pause = Duration.milliseconds(100)
        while !self.relay.mustStop {
            do {
                let connection = try await PostgresConnection.connect(self.relay.configuration, logger: self.logger)
                defer { connection.close() }
                try await self.work(on: connection) {
                    pause = .milliseconds(100)
                    ready?()
                    ready = nil
                }
                try await self.end(on: connection)
                return
            } catch is CancellationError {
                return
            } catch {
                self.logger.warning(
                    "the outbox cannot be read; trying again",
                    metadata: ["error": "\(error)", "pause": "\(pause)"])
            }
            let end = ContinuousClock.now + pause
            // Reports ring meanwhile; they are no reason to try earlier.
            while !self.relay.mustStop, end > .now { await self.relay.bell.wait(atMost: end - .now) }
            pause = min(pause * 2, .seconds(5))
        }
    }

    /// Returns when it is to stop.
    private mutating func work(on connection: PostgresConnection, whenWorking: () -> Void) async throws {
        while !self.relay.mustStop {
            if self.relay.takeFreeSlots() { self.lease.hurry(now: .now) }
            if self.lease.renewAt <= .now { try await self.renew(on: connection) }
            let turn = try await self.turn(on: connection)
            whenWorking()
            try await self.giveBack(on: connection)
            try await self.startOverWhenStuck(on: connection)
            await self.wait(after: turn, on: connection)
        }
    }

    // MARK: - One turn

    private enum Turn {
        /// Rows were handed over; there may be more.
        case sent
        /// The sender took no more.
        case full
        /// Nothing to be done, for all that the table and the book say.
        case nothing
    }

    private mutating func turn(on connection: PostgresConnection) async throws -> Turn {
        let now = ContinuousClock.now
        let mustList = self.topicsReadAt.map { now - $0 >= .milliseconds(50) } ?? true
        let isLeased = self.lease.isValid(at: now)
        let (names, rows) = (self.topics, self.settings.groupRows)
        let (settled, readable, news) = self.relay.book.withLock { book in
            (
                book.takeSettled(),
                isLeased ? book.readable(of: names, rows: max(50, rows / max(1, names.count)), now: now) : [],
                book.takeNews()
            )
        }
        var calls = [OutboxStatements.prepare]
        let read: [(topic: Int, name: String, rows: Int)] = self.relay.book.withLock { book in
            calls += OutboxStatements.settle(settled, in: book)
            return readable.map { ($0.topic, book.name($0.topic), $0.rows) }
        }
        calls += self.calls(for: news)
        if mustList { calls.append(OutboxStatements.topics) }
        if !read.isEmpty {
            calls.append(
                OutboxStatements.read(
                    topics: read.map { ($0.name, $0.rows) }, slots: self.lease.readable,
                    bytes: self.settings.groupBytes / read.count))
        }
        guard calls.count > 1 else { return .nothing }
        let answers: [PostgresRows]
        do {
            answers = try await connection.run(calls)
        } catch {
            // Whether the database heard of it is open: telling it twice does no harm.
            self.relay.book.withLock { $0.keep(settled, news) }
            throw error
        }
        self.relay.book.withLock { $0.forget(settled) }
        var isNew = false
        if mustList {
            let listed = try answers[calls.count - (read.isEmpty ? 1 : 2)].map { try $0.get(0, as: String.self) }
            isNew = !Set(listed).isSubset(of: self.topics)
            self.topics = listed
            self.topicsReadAt = now
        }
        self.log(news)
        guard !read.isEmpty, let found = answers.last, !found.isEmpty else {
            return isNew && isLeased ? .sent : .nothing
        }
        return try self.send(found, topics: read.map(\.topic))
    }

    private func calls(for news: [OutboxBook.News]) -> [PostgresCall] {
        news.compactMap { news in
            switch news {
            case .refused(let topic, let reason, let again):
                OutboxStatements.refused(topic, reason: reason, relay: self.relay.id, again: again)
            case .accepted(let topic): OutboxStatements.accepted(topic)
            case .parked: nil
            }
        }
    }

    private mutating func send(_ found: PostgresRows, topics: [Int]) throws -> Turn {
        for (row, source) in try self.inOrder(found, topics: topics) {
            // The lease may have run out since the rows were asked for: a process can be frozen anywhere.
            let now = ContinuousClock.now
            guard self.lease.isValid(at: now) else { break }
            let isReadable = OutboxReader.fill(&self.draft, from: source)
            // Taken and sent under one lock. Otherwise a failure could be reported in between, and its record be
            // overtaken by this one, which the sender accepts again by then.
            let result = self.relay.book.withLock { book -> RecordSendResult? in
                guard let (ticket, isTrial) = book.take(row, now: now) else { return nil }
                if book.truncated.contains(row.id) { _ = self.draft.truncateValue() }
                let result =
                    isReadable
                    ? self.sender.send(self.draft, to: book.name(row.topic), ticket: ticket, isTrial: isTrial)
                    : .failed(.unacceptable("its headers are no two lists of the same length, names without null"))
                switch result {
                case .accepted: break
                case .full: book.putBack(ticket)
                case .failed(let outcome): book.settle(ticket, outcome, now: now)
                }
                return result
            }
            if result == .full { return .full }
        }
        return .sent
    }

    /// By topic, and by id in each; so they come, though nothing says that they must.
    private func inOrder(
        _ found: PostgresRows, topics: [Int]
    ) throws -> [(row: OutboxBook.Row, source: PostgresRow)] {
        var rows: [(row: OutboxBook.Row, source: PostgresRow)] = []
        rows.reserveCapacity(found.count)
        var isOrdered = true
        for source in found {
            let row = try OutboxReader.row(source, topics: topics)
            if let last = rows.last?.row, last.topic == row.topic, last.id > row.id { isOrdered = false }
            rows.append((row, source))
        }
        if !isOrdered { rows.sort { ($0.row.topic, $0.row.id) < ($1.row.topic, $1.row.id) } }
        return rows
    }

    // MARK: - Waiting

    private mutating func wait(after turn: Turn, on connection: PostgresConnection) async {
        let bell = self.relay.bell
        switch turn {
        case .sent:
            self.idle.reset()
            let limit = ContinuousClock.now + self.settings.patience
            while self.relay.book.withLock({ $0.awaited }) > 0, limit > .now, !self.relay.mustStop {
                await bell.wait(atMost: limit - .now)
            }
            // Whatever it was, it may need a moment to pass.
            if self.relay.book.withLock({ $0.takeUnknown() }) { await bell.wait(atMost: .milliseconds(100)) }
        case .full:
            self.idle.reset()
            await bell.wait(atMost: .milliseconds(50))
        case .nothing:
            let isBusy = self.relay.book.withLock { $0.inFlight } > 0
            switch self.idle.next(pollInterval: self.relay.pollInterval, isBusy: isBusy) {
            case .wait(let pause):
                await bell.wait(atMost: min(pause, max(.milliseconds(1), self.lease.renewAt - .now)))
            case .fallAsleep:
                // Rows that are put from now on are told of; one more look finds those put before.
                _ = try? await connection.run([
                    OutboxStatements.prepare, OutboxStatements.sleep(self.relay.id, isAsleep: true),
                ])
            }
            self.topicsReadAt = nil
        }
        if self.idle.takeWakeUp() {
            _ = try? await connection.run([
                OutboxStatements.prepare, OutboxStatements.sleep(self.relay.id, isAsleep: false),
            ])
        }
    }

    private func log(_ news: [OutboxBook.News]) {
        for news in news {
            switch news {
            case .refused(let topic, let reason, let again):
                self.logger.error(
                    "a topic takes no records from the outbox; they wait",
                    metadata: ["topic": "\(topic)", "reason": "\(reason)", "again": "\(again)"])
            case .accepted(let topic):
                self.logger.notice("a topic takes records from the outbox again", metadata: ["topic": "\(topic)"])
            case .parked(let topic, let id, let reason):
                self.logger.error(
                    "a record will never be taken and was put aside in adjutant.outbox_refused",
                    metadata: ["topic": "\(topic)", "outbox.id": "\(id)", "reason": "\(reason)"])
            }
        }
    }
}
