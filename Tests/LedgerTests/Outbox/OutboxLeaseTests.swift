import Testing

@testable import Ledger

@Suite("Outbox lease")
struct OutboxLeaseTests {
    @Test("it ends before the database's does, counted from the asking")
    func validity() {
        let start = ContinuousClock.now
        var lease = OutboxLease(now: start)
        #expect(!lease.isValid(at: start))
        lease.renewed(0..<64, others: 0, lease: .seconds(10), sent: start)
        #expect(lease.isValid(at: start + .seconds(8)))
        #expect(!lease.isValid(at: start + .seconds(9)))
        lease.renewed([], others: 0, lease: .seconds(10), sent: start)
        #expect(!lease.isValid(at: start))
    }

    @Test("what is beyond the share is read no more, and given back", arguments: [(1, 32), (2, 22), (63, 1), (99, 1)])
    func share(others: Int, share: Int) {
        let start = ContinuousClock.now
        var lease = OutboxLease(now: start)
        lease.renewed(0..<64, others: others, lease: .seconds(10), sent: start)
        lease.divide()
        #expect(lease.readable == Array(0..<share))
        lease.released(lease.leaving)
        #expect(lease.list == Array(0..<share))
        #expect(lease.leaving.isEmpty)
        #expect(lease.isValid(at: start))
    }

    @Test("all shares together are at least all slots", arguments: 0..<70)
    func coverage(others: Int) {
        let start = ContinuousClock.now
        var lease = OutboxLease(now: start)
        lease.renewed(0..<64, others: others, lease: .seconds(10), sent: start)
        #expect(lease.share * (others + 1) >= 64)
    }
}
