import Processor
import Testing

@testable import Ledger

@Suite("Outbox book")
struct OutboxBookTests {
    private typealias Row = OutboxBook.Row
    private let start = ContinuousClock.now

    /// A book behind a reference, for the macros of the tests.
    private final class Book {
        var book: OutboxBook

        init(_ book: OutboxBook) { self.book = book }

        func readable(of names: [String], rows: Int, now: ContinuousClock.Instant) -> [(topic: Int, rows: Int)] {
            self.book.readable(of: names, rows: rows, now: now)
        }
        func take(_ row: Row, now: ContinuousClock.Instant) -> (ticket: Int, isTrial: Bool)? {
            self.book.take(row, now: now)
        }
        func settle(_ ticket: Int, _ outcome: RecordOutcome, now: ContinuousClock.Instant) {
            self.book.settle(ticket, outcome, now: now)
        }
        func takeSettled() -> OutboxBook.Settled { self.book.takeSettled() }
        func takeNews() -> [OutboxBook.News] { self.book.takeNews() }
    }

    private func book(_ edit: (inout OutboxSettings) -> Void = { _ in }) -> Book {
        var settings = OutboxSettings()
        edit(&settings)
        return Book(OutboxBook(settings: settings))
    }

    /// A book that trusts the topic `t`.
    private func trusting(_ edit: (inout OutboxSettings) -> Void = { _ in }) throws -> Book {
        let book = self.book(edit)
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).map(\.rows) == [1])
        let taken = try #require(book.take(Row(topic: 0, id: 1, slot: 3), now: self.start))
        #expect(taken.isTrial)
        book.settle(taken.ticket, .delivered, now: self.start)
        book.book.forget(book.takeSettled())
        return book
    }

    private func take(_ ids: ClosedRange<Int64>, of book: Book) throws -> [Int] {
        try ids.map { try #require(book.take(Row(topic: 0, id: $0, slot: 3), now: self.start)).ticket }
    }

    @Test("an unknown topic gets one record, then as many as there are, and none while some are on their way")
    func trial() throws {
        let book = try self.trusting()
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).map(\.rows) == [10])
        let tickets = try self.take(2...4, of: book)
        #expect(book.book.awaited == 3)
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).isEmpty)
        for ticket in tickets { book.settle(ticket, .delivered, now: self.start) }
        #expect(book.book.awaited == 0)
        // Delivered, but not deleted: it would be read again.
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).isEmpty)
        #expect(book.book.pending(slot: 3) == 3)
        let settled = book.takeSettled()
        #expect(settled.delivered.map { $0.rows.map(\.id) } == [[2, 3, 4]])
        book.book.keep(settled, [])
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).isEmpty)
        book.book.forget(book.takeSettled())
        #expect(book.book.pending(slot: 3) == 0)
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).map(\.rows) == [10])
    }

    @Test(
        "nothing of the group overtakes a record that came back",
        arguments: [RecordOutcome.unknown, .refused("no"), .unacceptable("large")])
    func interrupted(outcome: RecordOutcome) throws {
        let book = try self.trusting()
        _ = book.readable(of: ["t"], rows: 10, now: self.start)
        let tickets = try self.take(2...2, of: book)
        book.settle(tickets[0], outcome, now: self.start)
        #expect(book.book.inFlight == 0)
        #expect(book.take(Row(topic: 0, id: 3, slot: 4), now: self.start) == nil)
        #expect(book.book.pending(slot: 3) == 0)
        // Read anew, it comes first.
        _ = book.readable(of: ["t"], rows: 10, now: self.start + .seconds(100))
        #expect(book.take(Row(topic: 0, id: 2, slot: 3), now: self.start) != nil)
    }

    @Test("a topic that refuses is left alone, ever longer, until a trial succeeds")
    func refused() throws {
        let book = try self.trusting {
            $0.refusalDelay = .seconds(1)
            $0.lastRefusalDelay = .seconds(3)
        }
        var now = self.start
        for delay in [Duration.seconds(1), .seconds(2), .seconds(3), .seconds(3)] {
            #expect(!book.readable(of: ["t"], rows: 10, now: now).isEmpty)
            let tickets = try self.take(2...2, of: book)
            book.settle(tickets[0], .refused("closed"), now: now)
            #expect(book.takeNews() == [.refused(topic: "t", reason: "closed", again: delay)])
            #expect(book.readable(of: ["t", "u"], rows: 10, now: now + delay - .milliseconds(1)).map(\.topic) == [1])
            now += delay
        }
        #expect(book.readable(of: ["t"], rows: 10, now: now).map(\.rows) == [1])
        let tickets = try self.take(2...2, of: book)
        book.settle(tickets[0], .delivered, now: now)
        #expect(book.takeNews() == [.accepted(topic: "t")])
        book.book.forget(book.takeSettled())
        #expect(book.readable(of: ["t"], rows: 10, now: now).map(\.rows) == [10])
    }

    @Test("of a batch that is unacceptable each is sent alone, and the one to blame is put aside")
    func unacceptable() throws {
        let book = try self.trusting()
        _ = book.readable(of: ["t"], rows: 10, now: self.start)
        for ticket in try self.take(2...4, of: book) { book.settle(ticket, .unacceptable("large"), now: self.start) }
        #expect(book.takeSettled().parked.isEmpty)
        for id in Int64(2)...4 {
            #expect(book.readable(of: ["t"], rows: 10, now: self.start).map(\.rows) == [1])
            let taken = try #require(book.take(Row(topic: 0, id: id, slot: 3), now: self.start))
            #expect(taken.isTrial)
            book.settle(taken.ticket, id == 3 ? .unacceptable("large") : .delivered, now: self.start)
            let settled = book.takeSettled()
            #expect(settled.parked.map(\.row.id) == (id == 3 ? [3] : []))
            book.book.forget(settled)
        }
        #expect(book.takeNews() == [.parked(topic: "t", id: 3, reason: "large")])
        #expect(book.readable(of: ["t"], rows: 10, now: self.start).map(\.rows) == [10])
    }

    @Test("an outcome that is too large is cut before it is put aside")
    func truncated() throws {
        let book = self.book { $0.truncatable = ["t"] }
        for isLast in [false, true] {
            _ = book.readable(of: ["t"], rows: 10, now: self.start)
            let taken = try #require(book.take(Row(topic: 0, id: 7, slot: 3), now: self.start))
            #expect(book.book.truncated == (isLast ? [7] : []))
            book.settle(taken.ticket, .unacceptable("large"), now: self.start)
            #expect(book.takeSettled().parked.map(\.row.id) == (isLast ? [7] : []))
        }
        #expect(book.book.truncated.isEmpty)
    }

    @Test("a topic that is silent while another is not comes on trial; when all are silent, none is to blame")
    func silent() throws {
        let book = try self.trusting()
        let limit = Duration.seconds(30)
        func later(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }
        func givesUp(_ now: ContinuousClock.Instant) -> Bool { book.book.giveUp(after: limit, now: now) }
        _ = book.readable(of: ["t", "u"], rows: 10, now: self.start)
        let first = try self.take(2...3, of: book)
        #expect(!givesUp(later(30)))
        #expect(givesUp(later(31)))
        #expect(book.takeNews().isEmpty)
        #expect(!givesUp(later(32)))
        // The other topic is trusted too, and answers.
        var other = try #require(book.take(Row(topic: 1, id: 4, slot: 5), now: later(32)))
        book.settle(other.ticket, .delivered, now: later(33))
        book.book.forget(book.takeSettled())
        _ = book.readable(of: ["u"], rows: 10, now: later(34))
        other = try #require(book.take(Row(topic: 1, id: 5, slot: 5), now: later(60)))
        #expect(givesUp(later(62)))
        #expect(book.takeNews().count == 1)
        for ticket in first { book.settle(ticket, .unknown, now: later(63)) }
        book.settle(other.ticket, .unknown, now: later(63))
        #expect(book.readable(of: ["t", "u"], rows: 10, now: later(62)).map(\.topic) == [1])
        #expect(book.readable(of: ["t"], rows: 10, now: later(70)).map(\.rows) == [1])
    }

    @Test("a row that found no room keeps its successors back")
    func putBack() throws {
        let book = try self.trusting()
        _ = book.readable(of: ["t"], rows: 10, now: self.start)
        let tickets = try self.take(2...3, of: book)
        book.book.putBack(tickets[1])
        #expect(book.book.inFlight == 1)
        #expect(book.take(Row(topic: 0, id: 4, slot: 3), now: self.start) == nil)
        #expect(book.book.pending(slot: 3) == 1)
    }
}
