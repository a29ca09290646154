import Testing

@testable import Ledger

@Suite("Outbox idleness")
struct OutboxIdlenessTests {
    @Test("it looks more and more rarely, and sleeps when nothing is on its way")
    func steps() {
        var idle = OutboxIdleness()
        let poll = Duration.seconds(1)
        func step(_ isBusy: Bool = false) -> OutboxIdleness.Step { idle.next(pollInterval: poll, isBusy: isBusy) }
        let looks = (0..<4).map { _ in step() } + [step(true)]
        #expect(!looks.contains(.fallAsleep))
        #expect(looks.last == .wait(.milliseconds(50)))
        let last = step()
        #expect(last == .fallAsleep)
        #expect(idle.isAsleep)
        let waits = (0..<5).map { _ in step() }
        #expect(waits.suffix(2) == [.wait(poll), .wait(poll)])
        #expect(!waits.contains(.fallAsleep))
        let early = idle.takeWakeUp()
        idle.reset()
        let wakeUps = [idle.takeWakeUp(), idle.takeWakeUp()]
        #expect([early] + wakeUps == [false, true, false])
        #expect(!idle.isAsleep)
        let first = step()
        #expect(first == .wait(.milliseconds(5)))
    }
}
